import type { Ttl } from '../engine/commit.js';
import type { Rules } from '../http/shapes/field.js';
import { integer, Value, type Common } from '../http/shapes/fields.js';

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

/** For routes whose body is the state or a change, so that it cannot contain the TTL. */
export class TtlQuery {
  @TtlSeconds() ttlSeconds?: TtlSeconds;
}

export function ttlOf(given: TtlSeconds): Ttl;
export function ttlOf(given: TtlSeconds | undefined): Ttl | undefined;
export function ttlOf(given: TtlSeconds | undefined): Ttl | undefined {
  return typeof given === 'number' ? given * 1000 : given;
}
