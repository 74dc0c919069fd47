import { MAX_PRIORITY } from '../limits.js';
import { makerOf } from './maker-of.js';

export const TASK_STATUSES = ['ready', 'delayed', 'leased', 'done', 'dead', 'cancelled'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** One failed delivery; a long `message` is cut. */
export interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly attempt: number;
  readonly atMs: number;
}

interface Values {
  text: string;
  number: number;
  /** True or nil in a script. */
  flag: boolean;
  /** One text with commas in a script. */
  numbers: readonly number[];
  /** JSON text. */
  json: string;
  failures: readonly TaskFailure[];
}

export interface TaskField {
  readonly kind: keyof Values;
  readonly oneOf?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Null in TypeScript, nil in a script. */
  readonly nullable?: true;
  /** Name in the scripts of Redis; absent if Redis keeps the field under its own key. */
  readonly redis?: string;
  /** Place in the packed list of a task in Redis; place 1 is the terms, place 18 the rare fields. */
  readonly own?: number;
  /** Place in the terms: settings that most tasks of a queue share, packed apart. */
  readonly terms?: number;
  /** Packed by name, and only when present. */
  readonly rare?: true;
  /** Place in a row of the journal. */
  readonly row?: number;
  /** Place in the stamp, by which two stores are compared; only for fields that change. */
  readonly stamp?: number;
  /**
   * Visible to clients, and kept in outcomes in the order of this table.
   * With a status: Redis shows the field only in this status. In another status, the field may have an old value.
   */
  readonly shown?: true | TaskStatus;
  /** Visible to the worker that claims the task. */
  readonly claimed?: true;
  /** Set by the maker of the task, under the same name in `NewTask`. */
  readonly given?: true;
}

/** Marks of a field that makers, clients and workers all see. */
const FOR_ALL = { shown: true, claimed: true, given: true } as const;

/**
 * Every field of a task, once. The table is the source of types, replies of scripts, packing in Redis, rows of the
 * journal, stamps, exports with their checks, and the Lua of src/engine/redis/scripts/task-fields-lua.ts.
 * Places belong to stored data: never change or reuse a number. A new field goes last and takes the next number.
 * See docs/decisions/task-fields.md.
 */
export const TASK_FIELDS = {
  id: { kind: 'text', redis: 'id', shown: true, claimed: true },
  queue: { kind: 'text', redis: 'queue', terms: 1, row: 1, stamp: 1, ...FOR_ALL },
  status: { kind: 'text', oneOf: TASK_STATUSES, redis: 'status', own: 4, row: 2, stamp: 2, shown: true },
  /** 0 to 9; lower numbers go first. */
  priority: { kind: 'number', max: MAX_PRIORITY, redis: 'priority', terms: 2, row: 3, stamp: 3, ...FOR_ALL },
  /** Deliveries so far, without released ones. */
  attempt: { kind: 'number', redis: 'attempt', own: 5, row: 4, stamp: 4, shown: true, claimed: true },
  /** Maximum deliveries; when the last one fails or expires, the task goes to the dead list. */
  maxAttempts: { kind: 'number', min: 1, redis: 'max_attempts', terms: 3, row: 5, stamp: 5, ...FOR_ALL },
  releases: { kind: 'number', redis: 'releases', rare: true, row: 6, stamp: 6, shown: true },
  /** Number of returns from the dead list. */
  replays: { kind: 'number', redis: 'replays', rare: true, row: 7, stamp: 7, shown: true },
  workflowId: { kind: 'text', nullable: true, redis: 'workflow', own: 2, row: 8, stamp: 8, ...FOR_ALL },
  createdAtMs: { kind: 'number', redis: 'created', own: 3, row: 9, stamp: 9, shown: true, claimed: true },
  readyAtMs: { kind: 'number', nullable: true, redis: 'ready', own: 6, row: 10, stamp: 10, shown: 'ready' },
  /** Time at which a delayed task becomes ready. */
  dueAtMs: { kind: 'number', nullable: true, redis: 'due', rare: true, row: 11, stamp: 11, shown: 'delayed' },
  /** A task that was not started by then ends as expired. */
  expiresAtMs: { kind: 'number', redis: 'expires', own: 7, row: 12, stamp: 12, shown: true },
  leaseEndsAtMs: {
    kind: 'number',
    nullable: true,
    redis: 'lease_ends',
    own: 8,
    row: 13,
    stamp: 13,
    shown: 'leased',
    claimed: true,
  },
  /** Worker of the current or the last lease. */
  worker: { kind: 'text', nullable: true, redis: 'worker', own: 9, row: 14, stamp: 14, shown: true },
  cancelRequested: { kind: 'flag', redis: 'cancel', rare: true, row: 15, stamp: 15, shown: true },
  /** Reason of the cancellation, or the code that made the task dead. */
  reason: { kind: 'text', nullable: true, redis: 'reason', rare: true, row: 16, stamp: 16, shown: true },
  endedAtMs: { kind: 'number', nullable: true, redis: 'ended', own: 14, row: 17, stamp: 17, shown: true },
  /** Redis keeps headers in the payload and removes both together. */
  headers: { kind: 'json', row: 18 },
  /** Last failures, oldest first. */
  failures: { kind: 'failures', row: 19 },
  /** Delays after the first, second, … failed delivery; the last one repeats. */
  backoffMs: { kind: 'numbers', redis: 'backoff', terms: 4, row: 20, given: true },
  /** Length of a lease when the claim names none. */
  leaseMs: { kind: 'number', min: 1, redis: 'lease', terms: 5, row: 21, given: true },
  /** Maximum time from a delivery to its end; no lease is extended beyond it. */
  limitMs: { kind: 'number', nullable: true, redis: 'limit', terms: 6, row: 22, given: true },
  /** Score among the ready tasks of the queue. Kept while delayed or leased, because the task may return to it. */
  place: { kind: 'number', redis: 'place', own: 11, row: 23, stamp: 19 },
  /** Token of the last delivery, until the task is claimed again, released or ended. */
  token: { kind: 'text', nullable: true, redis: 'token', own: 10, row: 24, stamp: 18, claimed: true },
  startedAtMs: { kind: 'number', nullable: true, redis: 'started', own: 12, row: 25, stamp: 20 },
  /** Progress events so far, kept or not. */
  progress: { kind: 'number', redis: 'progress', rare: true, row: 26, stamp: 21 },
  /** End of the retention of an ended task. */
  keptUntilMs: { kind: 'number', nullable: true, redis: 'kept_until', own: 15, row: 27, stamp: 22 },
  /** End of the retention of the dedupe key; null without one. */
  dedupedUntilMs: { kind: 'number', nullable: true, redis: 'deduped_until', terms: 8, row: 28, stamp: 23 },
  /** Length of the last lease, and of a renewal that names none. */
  heldLeaseMs: { kind: 'number', nullable: true, redis: 'held_lease', own: 13, row: 29, stamp: 24 },
  /** The maker set `expiresAtMs`; otherwise the limit of the service counts. */
  isTimed: { kind: 'flag', redis: 'is_timed', terms: 7, row: 30 },
  dedupeKey: { kind: 'text', nullable: true, redis: 'dedupe', terms: 9, row: 31 },
  /** How often the answer with the current lease was sent again: its claim was repeated. */
  redeliveries: { kind: 'number', redis: 'redeliveries', rare: true, row: 32, stamp: 25, claimed: true },
} as const satisfies Readonly<Record<string, TaskField>>;

type Table = typeof TASK_FIELDS;
export type TaskFieldName = keyof Table;
type Value<F> =
  | (F extends { oneOf: readonly (infer T)[] } ? T : F extends { kind: keyof Values } ? Values[F['kind']] : never)
  | (F extends { nullable: true } ? null : never);

type AllFields = { readonly [N in TaskFieldName]: Value<Table[N]> };
type NamesWith<P extends keyof TaskField> = {
  [N in TaskFieldName]: Table[N] extends Readonly<Record<P, unknown>> ? N : never;
}[TaskFieldName];

/** The fields that have this property in the table. */
export type FieldsWith<P extends keyof TaskField> = Pick<AllFields, NamesWith<P>>;

/** A task as an engine keeps it, apart from its payload, result and progress events. */
export interface StoredTask extends AllFields {}

/** The part of a task that clients see, apart from payload, result and failures. */
export interface TaskRecord extends FieldsWith<'shown'> {}

/** Names of the fields with this property, by its places if it has some, else in the order of the table. */
export function namesWith<P extends keyof TaskField>(property: P): readonly NamesWith<P>[] {
  const fields = Object.entries<TaskField>(TASK_FIELDS).filter(([, field]) => property in field);
  const place = ([, field]: readonly [string, TaskField]) => Number(field[property]);
  if (typeof fields[0]?.[1][property] === 'number') fields.sort((a, b) => place(a) - place(b));
  return fields.map(([name]) => name) as never;
}

/** Function that copies the named fields; null for a missing one. */
export function copierOf<N extends TaskFieldName>(
  names: readonly N[],
): (from: Readonly<Partial<Record<N, unknown>>>) => Pick<StoredTask, N> {
  return makerOf(names, (name) => `from.${name} ?? null`);
}

/** Copies all fields, but nothing else of a larger record. */
export const taskCopyOf: (from: StoredTask) => StoredTask = copierOf(namesWith('kind'));

/** Fields in the order of a claim. Scripts expect id and token first. */
export const CLAIMED = [
  'id',
  'token',
  ...namesWith('claimed').filter((name) => name !== 'id' && name !== 'token'),
] as const;

export const recordOf: (task: TaskRecord) => TaskRecord = copierOf(namesWith('shown'));

/** Value of an empty field. */
export function nothingIn({ kind, nullable }: TaskField): Value<TaskField> | null {
  if (nullable) return null;
  if (kind === 'number') return 0;
  if (kind === 'flag') return false;
  if (kind === 'json') return '{}';
  return kind === 'text' ? '' : [];
}

/** A value as text; '' for an empty one. */
export function fieldText(value: unknown): string {
  if (value === null || value === undefined || value === false) return '';
  return value === true ? '1' : String(value);
}

/** Inverse of `fieldText`. */
export function fieldFrom(field: TaskField, text: string): unknown {
  if (text === '') return nothingIn(field);
  if (field.kind === 'number') return Number(text);
  if (field.kind === 'flag') return true;
  return field.kind === 'numbers' ? text.split(',').map(Number) : text;
}
