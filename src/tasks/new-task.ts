import { makerOf } from '../engine/records/maker-of.js';
import { GIVEN, type NewTask } from '../engine/task.js';
import type { NewTask as GivenTask } from './new-task.dto.js';
import { sized } from '../http/sized.js';
import { shortDigest } from '../engine/short-digest.js';

/** Retention of a dedupe key. */
const DEDUPE_KEPT_MS = 86_400_000;

/** Makes all members of the task at once, so that later changes of the object are fast. */
const copyGiven = makerOf<GivenTask, NewTask>(
  [...GIVEN, 'id', 'payload', 'headers', 'start', 'expires', 'dedupe'],
  (name) => `from.${name}`,
);

export interface TaskLimits {
  readonly maxBytes: number;
  readonly waitLimitMs: number;
  /** For tasks without a given id. */
  readonly newId: () => string;
}

/** Task for the engine. @throws StateTooLargeError */
export function newTaskOf(given: GivenTask, queue: string, limits: TaskLimits): NewTask {
  const { id, payload, headers, limitMs = null, delayMs = 0, runAtMs, expiresAtMs, dedupeKey } = given;
  return {
    ...copyGiven(given),
    queue,
    id: id ?? limits.newId(),
    payload: sized(payload, limits.maxBytes),
    headers: JSON.stringify(headers),
    limitMs,
    start: runAtMs === undefined ? { delayMs } : { atMs: runAtMs },
    expires: expiresAtMs === undefined ? { afterDueMs: limits.waitLimitMs } : { atMs: expiresAtMs },
    dedupe: dedupeKey === undefined ? undefined : { key: shortDigest(queue, dedupeKey), keepMs: DEDUPE_KEPT_MS },
  };
}
