import type { Ttl } from '../engine/commit.js';
import { AtMostOne, type Rules } from '../http/shapes/field.js';
import { integer, Integer, Value, type Common } from '../http/shapes/fields.js';

export type TtlSeconds = number | null | 'keep';

/** A hundred years, so that deadlines stay within the range of dates. */
const MAX_SECONDS = 3_153_600_000;

const seconds = integer({ min: 1, max: MAX_SECONDS });

const ttlSeconds: Rules = {
  schema: { anyOf: [seconds.schema, { type: 'string', enum: ['keep'] }, { type: 'null' }] },
  says: `must be an integer from 1 to ${MAX_SECONDS}, null (never expires) or "keep" (the current deadline)`,
  accepts: (value) => value === null || value === 'keep' || seconds.accepts(value),
  parse: (text) => (text === 'null' ? null : text === 'keep' ? text : seconds.parse?.(text)),
};

/** Time to live of a workflow, in a body or a query. */
export const TtlSeconds = (given: Omit<Common<TtlSeconds>, 'optional' | 'about'> = {}) =>
  Value(ttlSeconds, {
    ...given,
    optional: true,
    about:
      'Seconds to live from now on; `null`: never expires; `keep`: the current deadline; absent: WORKFLOW_STATE_TTL',
  });

/** The same in milliseconds. */
export const TtlMs = () =>
  Integer({ min: 1, max: MAX_SECONDS * 1000, optional: true, about: 'Milliseconds to live, in place of ttlSeconds' });

/** Time to live of what a request writes. */
@AtMostOne('ttlSeconds', 'ttlMs')
export class TtlFields {
  @TtlSeconds() ttlSeconds?: TtlSeconds;
  @TtlMs() ttlMs?: number;
}

/** For routes whose body is the state or a change, so that it cannot contain the TTL. */
export class TtlQuery extends TtlFields {}

/** Undefined if neither is given. */
export function ttlOf({ ttlSeconds, ttlMs }: TtlFields): Ttl | undefined {
  return typeof ttlSeconds === 'number' ? ttlSeconds * 1000 : ttlSeconds === undefined ? ttlMs : ttlSeconds;
}
