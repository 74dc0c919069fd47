import type { FastifyRequest } from 'fastify';
import type { Ttl } from '../engine/commit.js';
import { InvalidQueryError } from '../http/http-errors.js';
import { Query } from '../http/query.js';
import { Value } from '../http/shapes/fields.js';

/** A hundred years; beyond it dates stop being dates. */
const MAX_TTL_SECONDS = 3_153_600_000;

export const TTL_RULE = `must be an integer from 1 to ${MAX_TTL_SECONDS}, null (never expires) or "keep" (today's deadline)`;

export type TtlSeconds = number | null | 'keep';

export function isTtlSeconds(value: unknown): value is TtlSeconds {
  if (value === null || value === 'keep') return true;
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_TTL_SECONDS;
}

/** `ttlSeconds` of a body. */
export const TtlSeconds = () =>
  Value(
    {
      schema: {
        anyOf: [{ type: 'integer', minimum: 1, maximum: MAX_TTL_SECONDS }, { const: 'keep' }, { type: 'null' }],
      },
      says: TTL_RULE,
      accepts: isTtlSeconds,
    },
    { optional: true, about: 'From now on; null: never expires; "keep": the deadline stays; absent: the policy' },
  );

export function ttlOf(seconds: TtlSeconds): Ttl {
  return typeof seconds === 'number' ? seconds * 1000 : seconds;
}

/** For routes whose body is the state or the change itself: `?ttlSeconds=60`, `null` or `keep`. */
export function ttlOfQuery(request: FastifyRequest): Ttl | undefined {
  return request.url.includes('?') ? ttlIn(new Query(request, ['ttlSeconds'])) : undefined;
}

export function ttlIn(query: Query): Ttl | undefined {
  const text = query.text('ttlSeconds');
  if (text === undefined) return undefined;
  const value = text === 'null' ? null : text === 'keep' ? text : /^\d{1,12}$/.test(text) ? Number(text) : undefined;
  if (!isTtlSeconds(value)) throw InvalidQueryError.of('ttlSeconds', TTL_RULE);
  return ttlOf(value);
}
