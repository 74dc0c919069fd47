import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Filter, ListPosition, ListQuery as EngineQuery } from '../engine/engine.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { callerOf } from '../http/caller.js';
import { InvalidCursorError } from '../http/http-errors.js';
import { readQuery } from '../http/shapes/read-texts.js';
import { ListFilter, ListQuery } from './list.dto.js';

const DIGEST_BYTES = 9;

/** Translates list queries for the engine, and positions to cursors and back. */
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
      ...(cursor !== undefined && { after: this.#position(request, cursor) }),
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

  /** Cursor: a position, and a digest of its list (tenant, filters, order) that ties it to that list. */
  cursorOf(request: FastifyRequest, position: ListPosition | undefined): string | null {
    if (position === undefined) return null;
    const { atMs, id, sinceMs, rising } = position;
    const place = JSON.stringify([atMs, id, sinceMs ?? null, rising ?? null]);
    return Buffer.concat([digestOf(request, place), Buffer.from(place)]).toString('base64url');
  }

  #position(request: FastifyRequest, cursor: string): ListPosition {
    const bytes = Buffer.from(cursor, 'base64url');
    const place = bytes.subarray(DIGEST_BYTES).toString('utf8');
    // Compares the text too, since base64 decoding skips characters outside its alphabet.
    if (bytes.toString('base64url') !== cursor || !digestOf(request, place).equals(bytes.subarray(0, DIGEST_BYTES))) {
      throw new InvalidCursorError();
    }
    const [atMs, id, sinceMs, rising] = JSON.parse(place) as [unknown, unknown, unknown, unknown];
    // The digest is not secret: a forged cursor only reaches positions in the caller's own list.
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

/** `limit` and `include` may differ between pages; any other change is another list. */
function digestOf(request: FastifyRequest, place: string): Buffer {
  const { cursor: _cursor, limit: _limit, include: _include, ...listing } = request.query as Record<string, string>;
  const names = Object.keys(listing).sort();
  const parts = JSON.stringify([callerOf(request).tenant, names.map((name) => [name, listing[name]]), place]);
  return createHash('sha256').update(parts).digest().subarray(0, DIGEST_BYTES);
}
