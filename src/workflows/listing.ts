import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Filter, ListPosition, ListQuery as EngineQuery } from '../engine/engine.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { callerOf } from '../http/caller.js';
import { cursorOf, positionOf } from '../http/cursor.js';
import { readQuery } from '../http/shapes/read-texts.js';
import { ListFilter, ListQuery } from './list.dto.js';

/** Translates list queries for the engine, and positions to cursors. */
@Injectable()
export class Listing {
  constructor(private readonly index: WorkflowIndex) {}

  filterOf(request: FastifyRequest): Filter {
    return this.#filter(request, readQuery(ListFilter, request, this.index.fields));
  }

  queryOf(request: FastifyRequest): EngineQuery {
    const { cursor, sort, limit, include, ...filter } = readQuery(ListQuery, request, this.index.fields);
    return {
      filter: this.#filter(request, filter),
      sort,
      limit,
      includeState: include === 'state',
      ...(cursor !== undefined && { after: positionOf(listOf(request), cursor) }),
    };
  }

  /** Adds the indexed fields. They are settings, so the class of the query does not have them. */
  #filter(request: FastifyRequest, filter: ListFilter): Filter {
    const query = request.query as Readonly<Record<string, string>>;
    const fields: Record<string, string> = {};
    for (const name of this.index.fields) {
      const value = query[name];
      if (value !== undefined) fields[name] = value;
    }
    return { ...filter, fields };
  }

  cursorOf(request: FastifyRequest, position: ListPosition | undefined): string | null {
    return cursorOf(listOf(request), position);
  }

  linkTo(request: FastifyRequest, cursor: string): string {
    const query = new URLSearchParams({ ...(request.query as Record<string, string>), cursor });
    return `</v1/workflows?${query}>; rel="next"`;
  }
}

/** `limit` and `include` may differ between pages; any other change is another list. */
function listOf(request: FastifyRequest): string {
  const { cursor: _cursor, limit: _limit, include: _include, ...listing } = request.query as Record<string, string>;
  const names = Object.keys(listing).sort();
  return JSON.stringify([callerOf(request).tenant, names.map((name) => [name, listing[name]])]);
}
