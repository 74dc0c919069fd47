import type { OpenAPIObject } from '@nestjs/swagger';
import { SORT_KEYS, type SortKey } from '../engine/engine.js';
import { Integer, OneOf, Text, Time } from '../http/shapes/fields.js';
import { IdPrefix } from '../http/shapes/names.js';

/** Filters other than the indexed fields, whose names are settings. */
export class ListFilter {
  @IdPrefix({ optional: true, about: 'Only ids that start with this' }) idPrefix?: string;
  @Time({ optional: true, about: 'Only workflows written after this time' }) updatedAfterMs?: number;
  @Time({ optional: true, about: 'Only workflows written before this time' }) updatedBeforeMs?: number;
}

export class ListQuery extends ListFilter {
  @Integer({ min: 1, max: 1000, default: 100 }) limit!: number;
  @Text({ optional: true, about: '`nextCursor` of the previous page' }) cursor?: string;
  @OneOf(SORT_KEYS, { default: '-updatedAt' }) sort!: SortKey;
  @OneOf(['state'], { optional: true, about: 'With the states; a page may then be shorter than its limit' })
  include?: 'state';
}

/** Adds a query parameter for each indexed field to the document. Decorators cannot, since the fields are settings. */
export function withIndexedFields(document: OpenAPIObject, fields: readonly string[]): OpenAPIObject {
  const parameters = fields.map((name) => ({
    name,
    in: 'query' as const,
    required: false,
    description: `Workflows whose indexed field ${name} is this; several fields must all match`,
    schema: { type: 'string' },
  }));
  for (const path of ['/v1/workflows', '/v1/workflows/count']) {
    const route = document.paths[path]?.get;
    if (route !== undefined) route.parameters = [...(route.parameters ?? []), ...parameters];
  }
  return document;
}
