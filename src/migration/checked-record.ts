import { isQueueName, isTaskId, isWorkflowId } from '../engine/names.js';
import type { About, Cause } from '../engine/records/workflow-meta.js';
import type { Moved, MovedQueue, MovedTask, MovedVersion, MovedWorkflow } from '../engine/moving/moved.js';
import type { TaskFailure, TaskStatus } from '../engine/task.js';
import type { ProgressEvent } from '../engine/task-queues.js';
import { InvalidJsonError } from '../json/invalid-json-error.js';
import { scanJson } from '../json/scan.js';
import { MAX_FAILURES, MAX_PROGRESS_EVENTS } from '../engine/limits.js';

/** What is wrong with a line; its message is for whoever made it. */
export class InvalidLineError extends Error {}

export interface RecordLimits {
  readonly maxStateBytes: number;
}

const CAUSES = ['put', 'patch', 'status', 'section', 'log', 'exhibit', 'commit', 'restore', 'fork', 'import', 'adopt'];
const STATUSES = ['ready', 'delayed', 'leased', 'done', 'dead', 'cancelled'];
const INCARNATION = /^[A-Za-z0-9_-]{1,100}$/;
const LONGEST_TEXT = 4096;
/** The end of the year 9999: what is later cannot be written down. */
const LATEST_MS = 253_402_300_799_999;
/** Far from where numbers stop to count by one. */
const MOST = 2 ** 52;

type Fields = Readonly<Record<string, unknown>>;

/** A record that came from outside, every member checked: what is not as it must be could break the store's promises. @throws InvalidLineError */
export function checkedRecord(value: Fields, limits: RecordLimits): Moved {
  switch (value['kind']) {
    case 'workflow':
      return workflow(value, limits);
    case 'task':
      return task(value);
    case 'queue':
      return queue(value);
    default:
      throw new InvalidLineError('kind must be workflow, task or queue');
  }
}

function workflow(value: Fields, limits: RecordLimits): MovedWorkflow {
  const id = demand(text(value, 'id'), isWorkflowId, 'id is no id of a workflow');
  const incarnation = demand(text(value, 'incarnation'), (it) => INCARNATION.test(it), 'incarnation is not valid');
  const version = integer(value, 'version', 1);
  const history = list(value, 'history').map((one) => earlierVersion(one, limits));
  let newer = version;
  for (const earlier of history) {
    if (earlier.version >= newer) throw new InvalidLineError('history must hold earlier versions, newest first');
    newer = earlier.version;
  }
  return {
    kind: 'workflow',
    id,
    incarnation,
    version,
    createdAtMs: integer(value, 'createdAtMs'),
    updatedAtMs: integer(value, 'updatedAtMs'),
    deadlineMs: integerOrNull(value, 'deadlineMs'),
    ttlMs: integerOrNull(value, 'ttlMs'),
    about: about(value['about']),
    state: state(value, limits),
    history,
  };
}

function earlierVersion(value: unknown, limits: RecordLimits): MovedVersion {
  const fields = object(value, 'history');
  return {
    version: integer(fields, 'version', 1),
    updatedAtMs: integer(fields, 'updatedAtMs'),
    deadlineMs: integerOrNull(fields, 'deadlineMs'),
    about: about(fields['about']),
    state: state(fields, limits),
  };
}

function task(value: Fields): MovedTask {
  const status = demand(text(value, 'status'), (it) => STATUSES.includes(it), 'status is not known') as TaskStatus;
  const payload = jsonOrNull(value, 'payload');
  const workflowId = textOrNull(value, 'workflowId');
  if (workflowId !== null) demand(workflowId, isWorkflowId, 'workflowId is no id of a workflow');
  const record: MovedTask = {
    kind: 'task',
    id: demand(text(value, 'id'), isTaskId, 'id is no id of a task'),
    queue: demand(text(value, 'queue'), isQueueName, 'queue is no name of a queue'),
    status,
    priority: demand(integer(value, 'priority'), (it) => it <= 9, 'priority must be 0 to 9'),
    attempt: integer(value, 'attempt'),
    maxAttempts: integer(value, 'maxAttempts', 1),
    releases: integer(value, 'releases'),
    replays: integer(value, 'replays'),
    workflowId,
    createdAtMs: integer(value, 'createdAtMs'),
    readyAtMs: integerOrNull(value, 'readyAtMs'),
    dueAtMs: integerOrNull(value, 'dueAtMs'),
    expiresAtMs: integer(value, 'expiresAtMs'),
    leaseEndsAtMs: integerOrNull(value, 'leaseEndsAtMs'),
    worker: textOrNull(value, 'worker'),
    cancelRequested: flag(value, 'cancelRequested'),
    reason: textOrNull(value, 'reason'),
    endedAtMs: integerOrNull(value, 'endedAtMs'),
    headers: json(value, 'headers'),
    payload,
    result: jsonOrNull(value, 'result'),
    failures: list(value, 'failures').slice(-MAX_FAILURES).map(failure),
    backoffMs: list(value, 'backoffMs').map((one) => integer({ backoffMs: one }, 'backoffMs')),
    leaseMs: integer(value, 'leaseMs', 1),
    limitMs: integerOrNull(value, 'limitMs'),
    place: integer(value, 'place'),
    token: textOrNull(value, 'token'),
    startedAtMs: integerOrNull(value, 'startedAtMs'),
    heldLeaseMs: integerOrNull(value, 'heldLeaseMs'),
    keptUntilMs: integerOrNull(value, 'keptUntilMs'),
    dedupedUntilMs: integerOrNull(value, 'dedupedUntilMs'),
    dedupeKey: textOrNull(value, 'dedupeKey'),
    isTimed: flag(value, 'isTimed'),
    progress: integer(value, 'progress'),
    events: list(value, 'events').slice(-MAX_PROGRESS_EVENTS).map(progressEvent),
  };
  checkPlace(record);
  return record;
}

/** A task that says it stands somewhere without saying where would be lost. */
function checkPlace({
  status,
  payload,
  dueAtMs,
  leaseEndsAtMs,
  token,
  endedAtMs,
  keptUntilMs,
  events,
  progress,
}: MovedTask): void {
  const isOpen = status === 'ready' || status === 'delayed' || status === 'leased';
  if (isOpen && (payload === null || endedAtMs !== null))
    throw new InvalidLineError('an open task has a payload and no end');
  if (!isOpen && (endedAtMs === null || keptUntilMs === null))
    throw new InvalidLineError('an ended task has an end and is kept until');
  if (status === 'delayed' && dueAtMs === null) throw new InvalidLineError('a delayed task has dueAtMs');
  if (status === 'leased' && (leaseEndsAtMs === null || token === null)) {
    throw new InvalidLineError('a leased task has leaseEndsAtMs and token');
  }
  let last = 0;
  for (const { id } of events) {
    if (id <= last || id > progress) throw new InvalidLineError('events must be numbered upwards, up to progress');
    last = id;
  }
}

function queue(value: Fields): MovedQueue {
  return {
    kind: 'queue',
    id: demand(text(value, 'id'), isQueueName, 'id is no name of a queue'),
    isPaused: flag(value, 'isPaused'),
  };
}

function about(value: unknown): About {
  const fields = object(value, 'about');
  const cause = demand(text(fields, 'cause'), (it) => CAUSES.includes(it), 'about.cause is not known') as Cause;
  const changed =
    fields['changed'] === null ? null : list(fields, 'changed').map((one) => text({ changed: one }, 'changed'));
  const note = textOrNull(fields, 'note');
  const taskId = textOrNull(fields, 'taskId');
  return { by: text(fields, 'by'), cause, ...(note !== null && { note }), ...(taskId !== null && { taskId }), changed };
}

function failure(value: unknown): TaskFailure {
  const fields = object(value, 'failures');
  const { code, message } = { code: text(fields, 'code'), message: text(fields, 'message') };
  return { code, message, attempt: integer(fields, 'attempt'), atMs: integer(fields, 'atMs') };
}

function progressEvent(value: unknown): ProgressEvent {
  const fields = object(value, 'events');
  return { id: integer(fields, 'id', 1), atMs: integer(fields, 'atMs'), event: json(fields, 'event') };
}

function state(fields: Fields, { maxStateBytes }: RecordLimits): string {
  const found = json(fields, 'state');
  const bytes = Buffer.byteLength(found);
  if (bytes > maxStateBytes)
    throw new InvalidLineError(`state has ${bytes} bytes, and at most ${maxStateBytes} are accepted (MAX_STATE_BYTES)`);
  return found;
}

/** JSON text, itself a string of the line. */
function json(fields: Fields, name: string): string {
  const found = fields[name];
  if (typeof found !== 'string') throw new InvalidLineError(`${name} must be JSON text in a string`);
  try {
    scanJson(found);
  } catch (error) {
    if (error instanceof InvalidJsonError)
      throw new InvalidLineError(`${name} is not JSON that can be kept: ${error.message}`);
    throw error;
  }
  return found;
}

function jsonOrNull(fields: Fields, name: string): string | null {
  return fields[name] === null ? null : json(fields, name);
}

function text(fields: Fields, name: string): string {
  const found = fields[name];
  if (typeof found === 'string' && found.length <= LONGEST_TEXT && !/\p{Surrogate}/u.test(found)) return found;
  throw new InvalidLineError(`${name} must be a text of at most ${LONGEST_TEXT} characters`);
}

function textOrNull(fields: Fields, name: string): string | null {
  const found = fields[name];
  return found === null || found === undefined ? null : text(fields, name);
}

function integer(fields: Fields, name: string, min = 0): number {
  const found = fields[name];
  const most = name.endsWith('Ms') ? LATEST_MS : MOST;
  if (Number.isSafeInteger(found) && (found as number) >= min && (found as number) <= most) return found as number;
  throw new InvalidLineError(`${name} must be an integer from ${min} to ${most}`);
}

function integerOrNull(fields: Fields, name: string): number | null {
  return fields[name] === null ? null : integer(fields, name);
}

function flag(fields: Fields, name: string): boolean {
  return demand(fields[name], (it) => typeof it === 'boolean', `${name} must be a boolean`) as boolean;
}

function list(fields: Fields, name: string): readonly unknown[] {
  const found = fields[name];
  if (Array.isArray(found)) return found as unknown[];
  throw new InvalidLineError(`${name} must be a list`);
}

function object(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new InvalidLineError(`${name} must be an object`);
}

function demand<T>(value: T, holds: (value: T) => boolean, otherwise: string): T {
  if (!holds(value)) throw new InvalidLineError(otherwise);
  return value;
}
