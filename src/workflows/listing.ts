import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Filter, ListPosition, ListQuery, SortKey } from '../engine/engine.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { isIdPrefix } from '../engine/names.js';
import { callerOf } from '../http/caller.js';
import { InvalidCursorError, InvalidQueryError } from '../http/http-errors.js';
import { Query } from '../http/query.js';

const SORTS = ['updatedAt', '-updatedAt', 'createdAt', '-createdAt'] as const satisfies readonly SortKey[];
const FILTERS = ['idPrefix', 'updatedAfter', 'updatedBefore'] as const;
const PAGING = ['limit', 'cursor', 'sort', 'include'] as const;
const LARGEST_PAGE = 1000;
const USUAL_PAGE = 100;
const SEAL_BYTES = 9;

/** From the query of a listing to the engine's words, and from a place in a listing to a cursor and back. */
@Injectable()
export class Listing {
  constructor(private readonly index: WorkflowIndex) {}

  filterOf(request: FastifyRequest): Filter {
    return this.#filter(new Query(request, [...FILTERS, ...this.index.fields]));
  }

  queryOf(request: FastifyRequest): ListQuery {
    const query = new Query(request, [...PAGING, ...FILTERS, ...this.index.fields]);
    const cursor = query.text('cursor');
    return {
      filter: this.#filter(query),
      sort: query.oneOf('sort', SORTS) ?? '-updatedAt',
      limit: query.integer('limit', { min: 1, max: LARGEST_PAGE }) ?? USUAL_PAGE,
      includeState: query.oneOf('include', ['state']) !== undefined,
      ...(cursor !== undefined && { after: this.#position(request, cursor) }),
    };
  }

  #filter(query: Query): Filter {
    const idPrefix = query.text('idPrefix');
    if (idPrefix !== undefined && !isIdPrefix(idPrefix))
      throw InvalidQueryError.of('idPrefix', 'no id starts like this');
    const after = query.timeMs('updatedAfter');
    const before = query.timeMs('updatedBefore');
    const fields: Record<string, string> = {};
    for (const name of this.index.fields) {
      const value = query.text(name);
      if (value !== undefined) fields[name] = value;
    }
    return {
      fields,
      ...(idPrefix !== undefined && { idPrefix }),
      ...(after !== undefined && { updatedAfterMs: after }),
      ...(before !== undefined && { updatedBeforeMs: before }),
    };
  }

  /** A cursor is a position under a seal of the listing it belongs to: tenant, filters and order. */
  cursorOf(request: FastifyRequest, position: ListPosition | undefined): string | undefined {
    if (position === undefined) return undefined;
    const { atMs, id, sinceMs, rising } = position;
    const place = JSON.stringify([atMs, id, sinceMs ?? null, rising ?? null]);
    return Buffer.concat([seal(request, place), Buffer.from(place)]).toString('base64url');
  }

  #position(request: FastifyRequest, cursor: string): ListPosition {
    const bytes = Buffer.from(cursor, 'base64url');
    const place = bytes.subarray(SEAL_BYTES).toString('utf8');
    // Compared in its text form too: base64 decoding forgives characters that are none.
    if (bytes.toString('base64url') !== cursor || !seal(request, place).equals(bytes.subarray(0, SEAL_BYTES))) {
      throw new InvalidCursorError();
    }
    const [atMs, id, sinceMs, rising] = JSON.parse(place) as [unknown, unknown, unknown, unknown];
    // The seal is no secret: whoever forges one still gets no further than a place in his own listing.
    if (!isTime(atMs) || typeof id !== 'string' || !(sinceMs === null || isTime(sinceMs)))
      throw new InvalidCursorError();
    return { atMs, id, ...(sinceMs !== null && { sinceMs }), ...(rising === true && { rising }) };
  }

  linkTo(request: FastifyRequest, cursor: string): string {
    const query = new URLSearchParams({ ...(request.query as Record<string, string>), cursor });
    return `</v1/workflows?${query}>; rel="next"`;
  }
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);

/** `limit` and `include` may change from page to page; everything else makes it another listing. */
function seal(request: FastifyRequest, place: string): Buffer {
  const { cursor: _cursor, limit: _limit, include: _include, ...listing } = request.query as Record<string, string>;
  const names = Object.keys(listing).sort();
  const parts = JSON.stringify([callerOf(request).tenant, names.map((name) => [name, listing[name]]), place]);
  return createHash('sha256').update(parts).digest().subarray(0, SEAL_BYTES);
}
