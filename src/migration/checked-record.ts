import { CharacterTurns } from '../engine/character-turns.js';
import { isQueueName, isTaskId, isWorkflowId } from '../engine/names.js';
import { CHECK } from '../engine/records/check.js';
import { CAUSES, type About } from '../engine/records/workflow-meta.js';
import type { Notice } from '../engine/board.js';
import type { Moved, MovedBoard, MovedQueue, MovedTask, MovedVersion, MovedWorkflow } from '../engine/moving/moved.js';
import { TASK_FIELDS, type TaskField } from '../engine/records/task-fields.js';
import type { TaskFailure } from '../engine/task.js';
import type { ProgressEvent } from '../engine/task-queues.js';
import { InvalidJsonError } from '../json/invalid-json-error.js';
import { scanJson } from '../json/scan.js';
import { MAX_BOARD_ENTRIES, MAX_BOARD_NOTICES, MAX_FAILURES, MAX_PROGRESS_EVENTS } from '../engine/limits.js';

/** A line is invalid; the message is shown to the client. */
export class InvalidLineError extends Error {}

const INCARNATION = /^[A-Za-z0-9_-]{1,100}$/;
const MAX_TEXT_CHARACTERS = 4096;
const MAX_BOARD_TEXT = 1024 * 1024;
/** End of the year 9999, the last time that RFC 3339 can express. */
const MAX_TIME_MS = 253_402_300_799_999;
/** Below the limit of exact integers. */
const MAX_INTEGER = 2 ** 52;

export type Fields = Readonly<Record<string, unknown>>;

/** Checks every member of an imported record, because an invalid one could break guarantees of the store. @throws InvalidLineError */
export function checkedRecord(value: Fields, maxStateBytes = Infinity): Moved {
  switch (value['kind']) {
    case 'workflow':
      return workflow(value, maxStateBytes);
    case 'task':
      return task(value);
    case 'queue':
      return queue(value);
    case 'board':
      return board(value);
    default:
      throw new InvalidLineError('kind must be workflow, task, queue or board');
  }
}

/** As `checkedRecord`. A long history goes over several turns of the event loop. @throws InvalidLineError */
export async function checkedInTurns(value: Fields, maxStateBytes: number): Promise<Moved> {
  if (value['kind'] !== 'workflow') return checkedRecord(value, maxStateBytes);
  const turns = new CharacterTurns();
  const history: MovedVersion[] = [];
  for (const one of list(value, 'history')) {
    const version = earlierVersion(one, maxStateBytes);
    history.push(version);
    await turns.spend(version.state.length);
  }
  return workflowWith(value, history, maxStateBytes);
}

function workflow(value: Fields, maxStateBytes: number): MovedWorkflow {
  const history = list(value, 'history').map((one) => earlierVersion(one, maxStateBytes));
  return workflowWith(value, history, maxStateBytes);
}

function workflowWith(value: Fields, history: readonly MovedVersion[], maxStateBytes: number): MovedWorkflow {
  const id = demand(text(value, 'id'), isWorkflowId, 'id is not a valid workflow id');
  const incarnation = demand(text(value, 'incarnation'), (it) => INCARNATION.test(it), 'incarnation is invalid');
  const version = integer(value, 'version', 1);
  let newer = version;
  for (const earlier of history) {
    if (earlier.version >= newer) throw new InvalidLineError('history must contain earlier versions, newest first');
    newer = earlier.version;
  }
  return {
    kind: 'workflow',
    id,
    incarnation,
    version,
    check: checkIn(value),
    createdAtMs: integer(value, 'createdAtMs'),
    updatedAtMs: integer(value, 'updatedAtMs'),
    deadlineMs: integerOrNull(value, 'deadlineMs'),
    ttlMs: integerOrNull(value, 'ttlMs'),
    about: about(value['about']),
    state: state(value, maxStateBytes),
    history,
  };
}

function earlierVersion(value: unknown, maxStateBytes: number): MovedVersion {
  const fields = object(value, 'history');
  return {
    version: integer(fields, 'version', 1),
    check: checkIn(fields),
    updatedAtMs: integer(fields, 'updatedAtMs'),
    deadlineMs: integerOrNull(fields, 'deadlineMs'),
    about: about(fields['about']),
    state: state(fields, maxStateBytes),
  };
}

/** Exports of versions without checks have none. */
function checkIn(fields: Fields): string {
  return demand(textOrNull(fields, 'check') ?? '', (it) => CHECK.test(it), 'check is invalid');
}

function task(value: Fields): MovedTask {
  const record = {
    kind: 'task',
    ...Object.fromEntries(Object.entries(TASK_FIELDS).map(([name, field]) => [name, taskField(value, name, field)])),
    payload: jsonOrNull(value, 'payload'),
    result: jsonOrNull(value, 'result'),
    events: list(value, 'events').slice(-MAX_PROGRESS_EVENTS).map(progressEvent),
  } as unknown as MovedTask;
  demand(record.id, isTaskId, 'id is not a valid task id');
  demand(record.queue, isQueueName, 'queue is not a valid queue name');
  if (record.workflowId !== null) demand(record.workflowId, isWorkflowId, 'workflowId is not a valid workflow id');
  checkStatus(record);
  return record;
}

function taskField(value: Fields, name: string, { kind, nullable, oneOf, min, max }: TaskField): unknown {
  switch (kind) {
    case 'failures':
      return list(value, name).slice(-MAX_FAILURES).map(failure);
    case 'numbers':
      return list(value, name).map((one) => integer({ [name]: one }, name));
    case 'flag':
      return flag(value, name);
    case 'number': {
      if (nullable && value[name] === null) return null;
      const found = integer(value, name, min);
      if (max !== undefined) demand(found, (it) => it <= max, `${name} must be ${min ?? 0} to ${max}`);
      return found;
    }
    case 'json':
      return json(value, name);
    case 'text': {
      const found = nullable ? textOrNull(value, name) : text(value, name);
      if (oneOf) demand(found, (it) => oneOf.includes(it as string), `${name} is unknown`);
      return found;
    }
  }
}

/** Checks the fields that the status of a task needs: without them the task would be in no list and lost. */
function checkStatus(task: MovedTask): void {
  const { status, payload, endedAtMs, events, progress } = task;
  const isOpen = status === 'ready' || status === 'delayed' || status === 'leased';
  if (isOpen && (payload === null || endedAtMs !== null))
    throw new InvalidLineError('an open task must have a payload and no endedAtMs');
  if (!isOpen && (endedAtMs === null || task.keptUntilMs === null))
    throw new InvalidLineError('an ended task must have endedAtMs and keptUntilMs');
  if (status === 'delayed' && task.dueAtMs === null) throw new InvalidLineError('a delayed task must have dueAtMs');
  if (status === 'leased' && (task.leaseEndsAtMs === null || task.token === null))
    throw new InvalidLineError('a leased task must have leaseEndsAtMs and token');
  let last = 0;
  for (const { id } of events) {
    if (id <= last || id > progress) throw new InvalidLineError('ids of events must increase and not exceed progress');
    last = id;
  }
}

function queue(value: Fields): MovedQueue {
  return {
    kind: 'queue',
    id: demand(text(value, 'id'), isQueueName, 'id is not a valid queue name'),
    isPaused: flag(value, 'isPaused'),
  };
}

function board(value: Fields): MovedBoard {
  const counts = Object.entries(object(value['counts'], 'counts')).map(([name, count]) => {
    demand(count, (it) => Number.isSafeInteger(it), 'counts must be integers');
    return [text({ name }, 'name'), count as number] as const;
  });
  return {
    kind: 'board',
    id: demand(text(value, 'id'), isTaskId, 'id is not a valid name of a board'),
    counts: Object.fromEntries(counts),
    notices: list(value, 'notices').slice(0, MAX_BOARD_NOTICES).map(notice),
    entries: list(value, 'entries').slice(0, MAX_BOARD_ENTRIES).map(boardText),
  };
}

function notice(value: unknown): Notice {
  const fields = object(value, 'notices');
  return { name: text(fields, 'name'), text: boardText(fields['text']), untilMs: integer(fields, 'untilMs') };
}

function boardText(value: unknown): string {
  const isText = (it: unknown) => typeof it === 'string' && it.length <= MAX_BOARD_TEXT && !/\p{Surrogate}/u.test(it);
  return demand(value, isText, `texts of boards must have at most ${MAX_BOARD_TEXT} characters`) as string;
}

function about(value: unknown): About {
  const fields = object(value, 'about');
  const given = text(fields, 'cause');
  const cause = CAUSES.find((one) => one === given);
  if (cause === undefined) throw new InvalidLineError('about.cause is unknown');
  const changed =
    fields['changed'] === null ? null : list(fields, 'changed').map((one) => text({ changed: one }, 'changed'));
  const note = textOrNull(fields, 'note');
  const taskId = textOrNull(fields, 'taskId');
  return { by: text(fields, 'by'), cause, ...(note !== null && { note }), ...(taskId !== null && { taskId }), changed };
}

function failure(value: unknown): TaskFailure {
  const fields = object(value, 'failures');
  return {
    code: text(fields, 'code'),
    message: text(fields, 'message'),
    attempt: integer(fields, 'attempt'),
    atMs: integer(fields, 'atMs'),
  };
}

function progressEvent(value: unknown): ProgressEvent {
  const fields = object(value, 'events');
  return { id: integer(fields, 'id', 1), atMs: integer(fields, 'atMs'), event: json(fields, 'event') };
}

function state(fields: Fields, maxStateBytes: number): string {
  const found = json(fields, 'state');
  const bytes = Buffer.byteLength(found);
  if (bytes > maxStateBytes)
    throw new InvalidLineError(`state has ${bytes} bytes; the maximum is ${maxStateBytes} (MAX_STATE_BYTES)`);
  return found;
}

/** JSON text within a string of the line. */
function json(fields: Fields, name: string): string {
  const found = fields[name];
  if (typeof found !== 'string') throw new InvalidLineError(`${name} must be JSON text in a string`);
  try {
    scanJson(found);
  } catch (error) {
    if (error instanceof InvalidJsonError) throw new InvalidLineError(`${name} is refused: ${error.message}`);
    throw error;
  }
  return found;
}

function jsonOrNull(fields: Fields, name: string): string | null {
  return fields[name] === null ? null : json(fields, name);
}

function text(fields: Fields, name: string): string {
  const found = fields[name];
  if (typeof found === 'string' && found.length <= MAX_TEXT_CHARACTERS && !/\p{Surrogate}/u.test(found)) return found;
  throw new InvalidLineError(`${name} must be a text of at most ${MAX_TEXT_CHARACTERS} characters`);
}

function textOrNull(fields: Fields, name: string): string | null {
  const found = fields[name];
  return found === null || found === undefined ? null : text(fields, name);
}

function integer(fields: Fields, name: string, min = 0): number {
  const found = fields[name];
  const max = name.endsWith('Ms') ? MAX_TIME_MS : MAX_INTEGER;
  if (Number.isSafeInteger(found) && (found as number) >= min && (found as number) <= max) return found as number;
  throw new InvalidLineError(`${name} must be an integer from ${min} to ${max}`);
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
