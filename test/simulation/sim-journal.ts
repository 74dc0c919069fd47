import type { Journal, JournalChange } from '../../src/engine/memory/journal/journal.js';
import { taskOf, taskRow } from '../../src/engine/memory/journal/journal-rows.js';
import type { SimDisk } from './sim-disk.js';

/** Order in which a journal is read. A workflow comes with its versions, and a task with its texts. */
const KINDS = [
  ['workflow', 'version'],
  ['outcome'],
  ['task', 'text'],
  ['progress'],
  ['dedupe'],
  ['event'],
  ['queue'],
  ['board'],
];

export interface JournalWitness {
  /** A workflow has ended because its deadline is over: its last state. */
  expired(state: string): void;
}

/** Content of the journal of the embedded engine on the disk: the last change of each record. */
export class JournalFile {
  readonly epoch = 'simulated';
  readonly #records = new Map<string, JournalChange>();

  constructor(
    private readonly witness: JournalWitness,
    private readonly nowMs: () => number,
  ) {}

  *read(): Iterable<JournalChange> {
    const records = [...this.#records.values()].toSorted(
      (a, b) => groupOf(a) - groupOf(b) || compareText(wholeOf(a), wholeOf(b)) || placeOf(a) - placeOf(b),
    );
    for (const record of records) yield structuredClone(record);
  }

  apply(changes: readonly JournalChange[]): void {
    for (const change of changes) this.#noteEnd(change);
    for (const change of changes) {
      const key = keyOf(change);
      if (change.value === undefined) this.#records.delete(key);
      else this.#records.set(key, change);
    }
  }

  /** Reports the workflows whose deadline is over, removed or not. */
  noteOverdue(): void {
    for (const record of this.#records.values()) if (record.kind === 'workflow') this.#noteIfOver(record);
  }

  #noteEnd(change: JournalChange): void {
    if (change.kind !== 'workflow') return;
    const before = this.#records.get(keyOf(change));
    if (before?.kind !== 'workflow' || change.value?.incarnation === before.value?.incarnation) return;
    this.#noteIfOver(before);
  }

  #noteIfOver(record: Extract<JournalChange, { kind: 'workflow' }>): void {
    if (record.value === undefined) return;
    const { version, deadlineMs } = record.value;
    if (deadlineMs === null || deadlineMs > this.nowMs()) return;
    const last = this.#records.get(keyOf({ ...record, kind: 'version', version, value: undefined }));
    if (last?.kind !== 'version' || last.value === undefined) return;
    this.witness.expired(Buffer.from(last.value.state).toString());
  }
}

export class SimJournal implements Journal {
  readonly isLost = false;
  readonly epoch: string;

  constructor(
    private readonly disk: SimDisk,
    private readonly file: JournalFile,
  ) {
    this.epoch = file.epoch;
  }

  proven(): undefined {}

  read(): Iterable<JournalChange> {
    return this.file.read();
  }

  write(changes: readonly JournalChange[]): Promise<void> {
    const copies = changes.map(copyOf);
    return this.disk.write(() => this.file.apply(copies));
  }

  async markMoved(): Promise<void> {
    await this.disk.write(() => undefined);
  }

  warnings(): readonly string[] {
    return [];
  }

  async close(): Promise<void> {}
}

/** A task of the engine has methods and texts that a disk does not keep. */
function copyOf(change: JournalChange): JournalChange {
  if (change.kind !== 'task' || change.value === undefined) return structuredClone(change);
  return { ...change, value: taskOf(change.id, structuredClone(taskRow(change.value))) };
}

function keyOf(change: JournalChange): string {
  const { kind, tenant, value: _value, ...rest } = change;
  return JSON.stringify([kind, tenant, rest]);
}

const groupOf = ({ kind }: JournalChange) => KINDS.findIndex((kinds) => kinds.includes(kind));

/** The workflow or task that a record belongs to. */
function wholeOf(change: JournalChange): string {
  const isPart = ['workflow', 'version', 'task', 'text'].includes(change.kind);
  return isPart && 'id' in change ? `${change.tenant}\0${change.id}` : '';
}

const compareText = (a: string, b: string) => (a < b ? -1 : Number(a > b));

function placeOf(change: JournalChange): number {
  if (change.kind === 'event') return change.number;
  if (change.kind === 'version') return change.version;
  return change.kind === 'progress' ? change.event : Number(change.kind === 'text');
}
