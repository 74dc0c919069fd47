import type { Once } from '../engine/commit.js';
import type { OnceRequest } from '../http/idempotency.js';
import { digestOf } from './new-task.js';

/**
 * What ends a delivery happens once for its lease token, whoever asks and however often: a worker that lost the answer asks again
 * and gets it, with or without an Idempotency-Key.
 */
export function onceForLease(
  { once, keyed, renamed }: OnceRequest,
  kind: string,
  id: string,
  token: string,
  keepMs: number,
): Once {
  const name = `${kind}:${digestOf(id, token)}`;
  if (keyed) return { ...once, alias: name };
  renamed?.(name);
  return { key: name, fingerprint: '', keepMs };
}
