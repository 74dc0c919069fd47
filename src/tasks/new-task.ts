import type { NewTask } from '../engine/task.js';
import type { NewTask as GivenTask } from './new-task.dto.js';
import { isQueueName, isTaskId, QUEUE_RULE } from '../engine/names.js';
import type { ObjectReader } from '../http/object-reader.js';
import { sized } from '../http/sized.js';
import { parseTime } from '../http/times.js';
import { shortDigest } from '../engine/short-digest.js';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const DEDUPE_KEPT_MS = DAY_MS;
const MOST_HEADERS = 32;
const MOST_HEADER_BYTES = 8 * 1024;
const USUAL_BACKOFF_MS = [5000, 15_000, 60_000];

export const LEASE_MS = { min: 1000, max: 3_600_000 } as const;
export const USUAL_LEASE_MS = 30_000;

export interface TaskLimits {
  readonly maxBytes: number;
  readonly waitLimitMs: number;
  /** For tasks whose maker gives no id. */
  readonly newId: () => string;
}

/** A task as the engine takes it. @throws StateTooLargeError */
export function newTaskOf(given: GivenTask, queue: string, limits: TaskLimits): NewTask {
  const { delayMs = 0, runAtMs, expiresAtMs, dedupeKey, ...task } = given;
  return {
    ...task,
    queue,
    id: task.id ?? limits.newId(),
    payload: sized(task.payload, limits.maxBytes),
    headers: JSON.stringify(task.headers),
    start: runAtMs === undefined ? { delayMs } : { atMs: runAtMs },
    limitMs: task.limitMs ?? null,
    expires: expiresAtMs === undefined ? { afterDueMs: limits.waitLimitMs } : { atMs: expiresAtMs },
    ...(dedupeKey !== undefined && { dedupe: { key: shortDigest(queue, dedupeKey), keepMs: DEDUPE_KEPT_MS } }),
  };
}

/** `queue` is in the path for some routes and in the body for others; without `usualPayload` there must be one. */
export function readNewTask(body: ObjectReader, limits: TaskLimits, queue?: string, usualPayload?: string): NewTask {
  const payload = usualPayload === undefined ? body.rawRequired('payload') : (body.raw('payload') ?? usualPayload);
  const workflowId = body.string('workflowId', 'must be the id of a workflow', isTaskId);
  const dedupeKey = body.string(
    'dedupeKey',
    'must be 1 to 255 characters',
    ({ length }) => length >= 1 && length <= 255,
  );
  const named = queue ?? body.stringRequired('queue', QUEUE_RULE, isQueueName);
  return {
    id: body.string('id', 'must be an id like that of a workflow', isTaskId) ?? limits.newId(),
    queue: named,
    payload: sized(payload, limits.maxBytes),
    headers: headersOf(body),
    priority: body.integer('priority', { min: 0, max: 9 }) ?? 5,
    start: startOf(body),
    maxAttempts: body.integer('maxAttempts', { min: 1, max: 1000 }) ?? 4,
    backoffMs:
      body.value('backoffMs', `must be a list of 1 to 20 integers from 0 to ${DAY_MS}`, isBackoff) ?? USUAL_BACKOFF_MS,
    leaseMs: body.integer('leaseMs', LEASE_MS) ?? USUAL_LEASE_MS,
    limitMs: body.integer('deadlineMs', { min: 1000, max: 30 * DAY_MS }) ?? null,
    expires: expiryOf(body, limits.waitLimitMs),
    ...(dedupeKey !== undefined && { dedupe: { key: shortDigest(named, dedupeKey), keepMs: DEDUPE_KEPT_MS } }),
    ...(workflowId !== undefined && { workflowId }),
  };
}

function startOf(body: ObjectReader): NewTask['start'] {
  const delayMs = body.integer('delayMs', { min: 0, max: YEAR_MS });
  const runAt = timeOf(body, 'runAt');
  if (delayMs !== undefined && runAt !== undefined) body.refuse('either delayMs or runAt, not both', 'runAt');
  return runAt === undefined ? { delayMs: delayMs ?? 0 } : { atMs: runAt };
}

function expiryOf(body: ObjectReader, waitLimitMs: number): NewTask['expires'] {
  const atMs = timeOf(body, 'expiresAt');
  return atMs === undefined ? { afterDueMs: waitLimitMs } : { atMs };
}

function timeOf(body: ObjectReader, name: string): number | undefined {
  const says = 'must be an RFC 3339 time within a year, such as 2026-01-31T12:00:00Z';
  const text = body.string(name, says, (value) => {
    const ms = parseTime(value);
    return ms > 0 && ms < Date.now() + YEAR_MS;
  });
  return text === undefined ? undefined : parseTime(text);
}

/** In one line, as engines want them. */
function headersOf(body: ObjectReader): string {
  const says = `must be an object of at most ${MOST_HEADERS} texts, ${MOST_HEADER_BYTES} bytes in all`;
  const headers = body.value('headers', says, isHeaders) ?? {};
  return JSON.stringify(headers);
}

function isHeaders(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const texts = Object.values(value as object);
  return (
    texts.length <= MOST_HEADERS &&
    texts.every((text) => typeof text === 'string') &&
    Buffer.byteLength(JSON.stringify(value)) <= MOST_HEADER_BYTES
  );
}

function isBackoff(value: unknown): value is readonly number[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > 20) return false;
  return value.every((ms) => Number.isInteger(ms) && ms >= 0 && ms <= DAY_MS);
}
