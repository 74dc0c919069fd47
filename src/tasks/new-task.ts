import type { NewTask } from '../engine/task.js';
import type { NewTask as GivenTask } from './new-task.dto.js';
import { sized } from '../http/sized.js';
import { shortDigest } from '../engine/short-digest.js';

/** Retention of a dedupe key. */
const DEDUPE_KEPT_MS = 86_400_000;

export interface TaskLimits {
  readonly maxBytes: number;
  readonly waitLimitMs: number;
  /** For tasks without a given id. */
  readonly newId: () => string;
}

/** Task for the engine. @throws StateTooLargeError */
export function newTaskOf(given: GivenTask, queue: string, limits: TaskLimits): NewTask {
  const { id, payload, headers, limitMs, delayMs = 0, runAtMs, expiresAtMs, dedupeKey, ...rest } = given;
  return {
    queue,
    id: id ?? limits.newId(),
    payload: sized(payload, limits.maxBytes),
    headers: JSON.stringify(headers),
    start: runAtMs === undefined ? { delayMs } : { atMs: runAtMs },
    limitMs: limitMs ?? null,
    expires: expiresAtMs === undefined ? { afterDueMs: limits.waitLimitMs } : { atMs: expiresAtMs },
    ...(dedupeKey !== undefined && { dedupe: { key: shortDigest(queue, dedupeKey), keepMs: DEDUPE_KEPT_MS } }),
    // Spread last: V8 takes ten times as long for members after a large spread.
    ...rest,
  };
}
