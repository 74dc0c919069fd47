import { randomBytes } from 'node:crypto';
import type { Board } from '../../board.js';
import type { About } from '../../commit.js';
import type { FeedEvent } from '../../engine.js';
import type { WorkflowMeta } from '../../records.js';
import type { ProgressEvent } from '../../task-queues.js';
import type { Earlier, Entry } from '../workflows/entry.js';
import type { Kept } from '../commits/outcomes.js';
import type { Dedupe } from '../tasks/task-collection.js';
import type { TaskEntry } from '../tasks/task-entry.js';

/**
 * One version of a workflow, whole. The current one is a record like the earlier ones: the next write leaves it where it is and
 * adds its own, so no state is written twice.
 */
export interface JournaledVersion {
  readonly version: number;
  readonly updatedAtMs: number;
  readonly deadlineMs: number | null;
  readonly about: About;
  /** In UTF-8. */
  readonly state: Uint8Array;
}

/** A workflow apart from its versions. */
export interface JournaledWorkflow extends WorkflowMeta {
  /** What its last writer asked for; null is never. */
  readonly ttlMs: number | null;
}

/** A task apart from its texts. */
export type JournaledTask = Omit<TaskEntry, 'payload' | 'result' | 'commit'>;

/** One change of one record. A value of undefined removes it. */
export type JournalChange =
  | {
      readonly kind: 'workflow';
      readonly tenant: string;
      readonly id: string;
      readonly value: JournaledWorkflow | undefined;
    }
  | {
      readonly kind: 'version';
      readonly tenant: string;
      readonly id: string;
      readonly version: number;
      readonly value: JournaledVersion | undefined;
    }
  | { readonly kind: 'outcome'; readonly tenant: string; readonly key: string; readonly value: Kept | undefined }
  | { readonly kind: 'task'; readonly tenant: string; readonly id: string; readonly value: JournaledTask | undefined }
  | {
      readonly kind: 'text';
      readonly tenant: string;
      readonly id: string;
      readonly which: 'payload' | 'result';
      /** In UTF-8. */
      readonly value: Uint8Array | undefined;
    }
  | { readonly kind: 'dedupe'; readonly tenant: string; readonly key: string; readonly value: Dedupe | undefined }
  | {
      readonly kind: 'progress';
      readonly tenant: string;
      readonly id: string;
      /** Its number. */
      readonly event: number;
      readonly value: ProgressEvent | undefined;
    }
  | {
      readonly kind: 'event';
      readonly tenant: string;
      /** Its place in the order. */
      readonly number: number;
      readonly value: FeedEvent | undefined;
    }
  | {
      readonly kind: 'queue';
      readonly tenant: string;
      readonly name: string;
      readonly value: { readonly isPaused: boolean };
    }
  | { readonly kind: 'board'; readonly tenant: string; readonly name: string; readonly value: Board | undefined };

/** Where the embedded engine keeps its state over a restart. */
export interface Journal {
  /** Of the feeds in it: a name of its own for each journal. */
  readonly epoch: string;
  /** Everything in it: workflows before their versions, tasks before their texts, events in their order. */
  read(): Iterable<JournalChange>;
  /** Settles when all changes are on the disk; when it rejects, none of them is. */
  write(changes: readonly JournalChange[]): Promise<void>;
  /** Another service took the place over; what this one holds in memory may be old by now. */
  readonly isLost: boolean;
  /** No service may begin on it any more: its state is served from there. */
  markMoved(to: string): Promise<void>;
  /** What an operator should know, a sentence each. */
  warnings(): readonly string[];
  close(): Promise<void>;
}

export function newEpoch(): string {
  return randomBytes(4).toString('hex');
}

/** From one entry to the next, as records. */
export function changesOf(
  tenant: string,
  id: string,
  old: Entry | undefined,
  next: Entry | undefined,
): JournalChange[] {
  const changes: JournalChange[] = [];
  // Not by the incarnation: a caller may use one again when the workflow it was for has expired. A write has a text of its own.
  const isTouch = next !== undefined && next.state === old?.state;
  const isSameLife = isTouch || (old !== undefined && next !== undefined && follows(old, next));
  const kept = new Set(isSameLife ? versionsOf(next).map(({ version }) => version) : []);
  for (const { version } of versionsOf(old)) {
    if (!kept.has(version)) changes.push({ kind: 'version', tenant, id, version, value: undefined });
  }
  if (next === undefined) return [...changes, { kind: 'workflow', tenant, id, value: undefined }];

  const { incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ttlMs } = next;
  const meta = { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ttlMs };
  changes.push({ kind: 'workflow', tenant, id, value: meta });
  if (isTouch) return changes;
  changes.push({ kind: 'version', tenant, id, version, value: journaled(next) });
  if (!isSameLife) {
    for (const earlier of next.history) {
      changes.push({ kind: 'version', tenant, id, version: earlier.version, value: journaled(earlier) });
    }
  }
  // What was touched has another deadline by now than in its record, and goes into the history with that.
  if (old?.isTouched === true && kept.has(old.version)) {
    changes.push({ kind: 'version', tenant, id, version: old.version, value: journaled(old) });
  }
  return changes;
}

/** A write of the same life: what `next` has of earlier versions, the journal has too. What was brought from elsewhere does not follow. */
function follows(old: Entry, next: Entry): boolean {
  const [last] = next.history;
  return (
    next.version === old.version + 1 && (last === undefined || last.state === old.state || old.history.includes(last))
  );
}

/** Of a record without its states, roughly. */
const SMALL = 200;

/** About how many bytes a change writes. */
export function sizeOf(change: JournalChange): number {
  switch (change.kind) {
    case 'workflow':
    case 'dedupe':
    case 'queue':
      return SMALL;
    case 'text':
      return SMALL + (change.value?.length ?? 0);
    case 'task':
      return 2 * SMALL + (change.value?.failures ?? []).reduce((sum, { message }) => sum + message.length, 0);
    case 'event':
      return SMALL + (change.value?.fields['payload']?.length ?? 0);
    case 'progress':
      return SMALL + (change.value?.event.length ?? 0);
    case 'board': {
      const { notices = [], entries = [] } = change.value ?? {};
      const texts = [...notices.map(({ text }) => text), ...entries];
      return texts.reduce((sum, text) => sum + SMALL + text.length, SMALL);
    }
    case 'version':
      return SMALL + (change.value?.state.length ?? 0);
    case 'outcome':
      return (change.value?.outcome.workflows ?? []).reduce((sum, { state = '' }) => sum + SMALL + state.length, SMALL);
  }
}

function versionsOf(entry: Entry | undefined): readonly { readonly version: number }[] {
  return entry === undefined ? [] : [entry, ...entry.history];
}

function journaled({ version, updatedAtMs, deadlineMs, about, state }: Earlier): JournaledVersion {
  return { version, updatedAtMs, deadlineMs, about, state: state.bytes() };
}
