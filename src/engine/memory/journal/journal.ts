import { randomBytes } from 'node:crypto';
import type { Board } from '../../board.js';
import { pickMeta, withState, type StoredMeta, type WholeVersion } from '../../records/workflow-meta.js';
import type { FeedEvent } from '../../engine.js';
import type { ProgressEvent } from '../../task-queues.js';
import { NO_HISTORY, type Earlier, type Entry } from '../workflows/entry.js';
import type { KeptOutcome } from '../commits/outcomes.js';
import type { Dedupe } from '../tasks/task-collection.js';
import type { StoredTask } from '../../task.js';
import type { KeptIndexValues, WorkflowIndex } from '../../workflow-index.js';

/**
 * A version with its state in UTF-8. The current version is a record like the earlier ones: the next write only adds a
 * record, so no state is written twice.
 */
export type JournaledVersion = WholeVersion<Uint8Array>;

/** A workflow with the indexed values of its current state, so that a start need not find them in the states. */
export interface JournaledWorkflow extends StoredMeta {
  /** Undefined in records of earlier versions. */
  readonly index: KeptIndexValues | undefined;
}

interface Change<Kind extends string, Value> {
  readonly kind: Kind;
  readonly tenant: string;
  readonly value: Value | undefined;
}

/** One change of one record. A value of undefined removes it. */
export type JournalChange =
  | (Change<'workflow', JournaledWorkflow> & { readonly id: string })
  | (Change<'version', JournaledVersion> & { readonly id: string; readonly version: number })
  | (Change<'outcome', KeptOutcome> & { readonly key: string })
  | (Change<'task', StoredTask> & { readonly id: string })
  /** A text in UTF-8. */
  | (Change<'text', Uint8Array> & { readonly id: string; readonly which: 'payload' | 'result' })
  | (Change<'dedupe', Dedupe> & { readonly key: string })
  /** `event` is the id of the progress event. */
  | (Change<'progress', ProgressEvent> & { readonly id: string; readonly event: number })
  /** `number` is the place of the event in the feed. */
  | (Change<'event', FeedEvent> & { readonly number: number })
  | (Change<'queue', { readonly isPaused: boolean }> & { readonly name: string })
  | (Change<'board', Board> & { readonly name: string });

/** Storage of the embedded engine over restarts. */
export interface Journal {
  /** Epoch of the feeds, different for each journal. */
  readonly epoch: string;
  /**
   * All records. A workflow is followed by its versions, and a task by its texts; events are in order. The
   * bytes of a state are valid until the next record is read.
   */
  read(): Iterable<JournalChange>;
  /** Resolves when all changes are on the disk; a rejection means that none is. */
  write(changes: readonly JournalChange[]): Promise<void>;
  /** Another service has taken the journal over, so memory may be outdated. */
  readonly isLost: boolean;
  /** A promise if another service may have taken the journal over: wait for it, then look at `isLost`. */
  proven(): Promise<void> | undefined;
  /** Records that the state is served from `to` now; no service starts on this journal again. */
  markMoved(to: string): Promise<void>;
  /** Sentences for the operator. */
  warnings(): readonly string[];
  close(): Promise<void>;
}

export function newEpoch(): string {
  return randomBytes(4).toString('hex');
}

/** The records that change when `next` replaces `old`. */
export function changesOf(
  tenant: string,
  id: string,
  old: Entry | undefined,
  next: Entry | undefined,
  index: WorkflowIndex,
): JournalChange[] {
  const changes: JournalChange[] = [];
  // Compares the text object: a write always makes a new one. The incarnation is not enough, since a caller may use it
  // again after the workflow expired.
  const isTouch = next !== undefined && next.state === old?.state;
  const isSameLife = isTouch || (old !== undefined && next !== undefined && follows(old, next));
  const dropped = old === undefined ? [] : droppedVersions(old, isSameLife ? next : undefined);
  for (const version of dropped) changes.push({ kind: 'version', tenant, id, version, value: undefined });
  if (next === undefined) return [...changes, { kind: 'workflow', tenant, id, value: undefined }];

  const value = { ...pickMeta(next), ttlMs: next.ttlMs, index: index.kept(next.index) };
  changes.push({ kind: 'workflow', tenant, id, value });
  if (isTouch) return changes;
  changes.push({ kind: 'version', tenant, id, version: next.version, value: journaled(next) });
  if (!isSameLife) {
    for (const earlier of next.history) {
      changes.push({ kind: 'version', tenant, id, version: earlier.version, value: journaled(earlier) });
    }
  }
  // A touch changes only the deadline in memory. The history needs the last deadline, so the version is written again.
  if (old?.isTouched === true && dropped[0] !== old.version) {
    changes.push({ kind: 'version', tenant, id, version: old.version, value: journaled(old) });
  }
  return changes;
}

/** True for a write to the same workflow: the journal has the history of `next` already. False for an imported workflow. */
function follows(old: Entry, next: Entry): boolean {
  const [last] = next.history;
  return (
    next.version === old.version + 1 && (last === undefined || last.state === old.state || old.history.includes(last))
  );
}

/** Rough bytes of a record without its states. */
const RECORD_BYTES = 200;

/** Rough number of bytes that a change writes. */
export function sizeOf(change: JournalChange): number {
  switch (change.kind) {
    case 'workflow':
    case 'dedupe':
    case 'queue':
      return RECORD_BYTES;
    case 'text':
      return RECORD_BYTES + (change.value?.length ?? 0);
    case 'task':
      return 2 * RECORD_BYTES + (change.value?.failures ?? []).reduce((sum, { message }) => sum + message.length, 0);
    case 'event':
      return RECORD_BYTES + (change.value?.fields['payload']?.length ?? 0);
    case 'progress':
      return RECORD_BYTES + (change.value?.event.length ?? 0);
    case 'board': {
      const { notices = [], entries = [] } = change.value ?? {};
      const texts = [...notices.map(({ text }) => text), ...entries];
      return texts.reduce((sum, text) => sum + RECORD_BYTES + text.length, RECORD_BYTES);
    }
    case 'version':
      return RECORD_BYTES + (change.value?.state.length ?? 0);
    case 'outcome':
      return change.value?.outcome.is === 'commit'
        ? change.value.outcome.workflows.reduce(
            (sum, { state = '' }) => sum + RECORD_BYTES + state.length,
            RECORD_BYTES,
          )
        : RECORD_BYTES;
  }
}

/**
 * Versions of `old` that `next` does not have, newest first. Both histories are newest first, so they are compared side by
 * side: a set of all versions would cost more than the rest of a write.
 */
function droppedVersions(old: Entry, next: Entry | undefined): number[] {
  const kept = next?.history ?? NO_HISTORY;
  const dropped: number[] = [];
  let at = 0;
  const compare = (version: number) => {
    while ((kept[at]?.version ?? 0) > version) at++;
    if (kept[at]?.version !== version && next?.version !== version) dropped.push(version);
  };
  compare(old.version);
  for (const { version } of old.history) compare(version);
  return dropped;
}

function journaled(version: Earlier): JournaledVersion {
  return withState(version, version.state.bytes());
}
