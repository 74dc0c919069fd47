import type { Enqueued } from '../../commit.js';
import { makerOf } from '../../records/maker-of.js';
import {
  CLAIMED,
  fieldFrom,
  fieldText,
  namesWith,
  TASK_FIELDS,
  type TaskField,
  type TaskFieldName,
} from '../../records/task-fields.js';
import type { ClaimedTask, StoredTask, TaskDetail, TaskFailure, TaskRecord } from '../../task.js';
import { listOf, textOf } from '../scripts/reply.js';

/** Reads the named fields from texts in the order of the names. */
export function readerOf<N extends TaskFieldName>(names: readonly N[]): (texts: unknown) => Pick<StoredTask, N> {
  const make = makerOf<readonly unknown[], Pick<StoredTask, N>>(names, (_name, place) => `from[${place}]`);
  return (texts) => make(valuesFrom(names, listOf(texts)));
}

/** Outcomes that were stored before a field was added have fewer texts. */
function valuesFrom(names: readonly TaskFieldName[], list: readonly unknown[]): unknown[] {
  return names.map((name, i) => fieldFrom(TASK_FIELDS[name], fieldOf(list[i])));
}

/** Text of a field; a claim replies numbers as numbers. */
function fieldOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'number' ? String(value) : textOf(value);
}

const SHOWN = namesWith('shown');

/** Fields that Redis packs and clients do not see; for moves to another store. */
export const INSIDE = namesWith('redis').filter((name) => !('shown' in TASK_FIELDS[name]));

/** Fields by their names in the scripts; empty ones are absent. */
export function scriptFields<N extends TaskFieldName>(
  names: readonly N[],
  task: Readonly<Partial<Record<N, unknown>>>,
) {
  const fields: Record<string, unknown> = {};
  for (const name of names) {
    const field: TaskField = TASK_FIELDS[name];
    const value = task[name];
    if (field.redis === undefined || value === null || value === undefined || value === false) continue;
    if (field.kind === 'numbers') fields[field.redis] = fieldText(value);
    else fields[field.redis] = typeof value === 'string' ? wellFormed(value) : value;
  }
  return fields;
}

/** See `shown` in task-fields-lua.ts. */
export const taskOf: (fields: unknown) => TaskRecord = readerOf(SHOWN);

/** Inverse of `taskOf`. */
export function textsOf(task: TaskRecord): string[] {
  return SHOWN.map((name) => fieldText(task[name]));
}

/** ['1' for a duplicate, fields] */
export function enqueuedOf(reply: unknown): Enqueued {
  const [isDuplicate, fields] = listOf(reply);
  return { task: taskOf(fields), isDuplicate: isDuplicate === '1' };
}

const makeClaimed = makerOf<readonly unknown[], ClaimedTask>(
  [...CLAIMED, 'headers', 'payload'],
  (_name, place) => `from[${place}]`,
);

/** See `claimed` in task-fields-lua.ts. */
export function claimedOf(reply: unknown): ClaimedTask {
  const list = listOf(reply);
  const { headers, payload } = parcelOf(textOf(list[CLAIMED.length]));
  return makeClaimed([...valuesFrom(CLAIMED, list), headers, payload]);
}

/** [fields, headers and payload, result, failures]; undefined for an absent task. */
export function detailOf(reply: unknown): TaskDetail | undefined {
  if (reply === null || reply === undefined) return undefined;
  const [fields, text, result, failures] = listOf(reply);
  const parcel = textOf(text);
  return {
    ...taskOf(fields),
    ...(parcel === '' ? { headers: '{}', payload: undefined } : parcelOf(parcel)),
    result: typeof result === 'string' ? result : undefined,
    failures: listOf(failures).map(failureOf),
  };
}

/** Headers and payload as one text, after the length of the headers. */
export function parcel(headers: string, payload: string): string {
  return `${headers.length}\n${headers}${payload}`;
}

function parcelOf(text: string): { headers: string; payload: string } {
  const start = text.indexOf('\n') + 1;
  const end = start + Number(text.slice(0, start - 1));
  return { headers: text.slice(start, end), payload: text.slice(end) };
}

/** "<attempt> <time> <JSON of code and message>" */
function failureOf(entry: unknown): TaskFailure {
  const [, attempt, at, error] = /^(\d+) (\d+) (.*)$/s.exec(textOf(entry)) ?? [];
  const { code, message } = JSON.parse(error ?? '{}') as { code: string; message: string };
  return { code, message, attempt: Number(attempt), atMs: Number(at) };
}

/** Replaces lone surrogates: they have no UTF-8 form, and cjson refuses their escapes. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
