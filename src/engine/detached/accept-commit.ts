import { parseDocument } from '../../json/document.js';
import type { Commit, CommittedWorkflow, Expect, Part, Patch, Put, Touch, Ttl } from '../commit.js';
import { checkSizes, resultOf } from '../edit-result.js';
import type { EngineOptions } from '../engine.js';
import { asPart, NotHeldError, VersionConflictError, WorkflowNotFoundError } from '../errors.js';
import { meets } from '../expectation.js';
import { pickMeta, etagOf, type WorkflowMeta, type WorkflowRecord } from '../records/workflow-meta.js';
import { recordOf } from '../records/task-fields.js';
import { begunTask, type NewTask } from '../task.js';
import type { WorkflowIndex } from '../workflow-index.js';
import type { Base, DetachedEntry, DetachedPart } from './detached-entry.js';

/** What this replica knows of a workflow while the store is away. */
export type Held =
  | { readonly is: 'unknown' }
  | {
      readonly is: 'there';
      readonly record: WorkflowRecord;
      readonly base: Base;
      /** Written here since the store went away; then also the tag of what its first write was made on. */
      readonly own: { readonly baseEtag: string | undefined } | undefined;
    }
  /** Deleted here since the store went away. */
  | { readonly is: 'deleted'; readonly base: Base };

export interface AcceptContext {
  readonly n: number;
  readonly tenant: string;
  readonly now: number;
  readonly held: (id: string) => Held;
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  /** For lives that begin here. */
  readonly newIncarnation: () => string;
}

/** Whoever reads a tag can tell that its version has not been in the store yet. */
export const PROVISIONAL = 'detached-';

/**
 * Works out what a commit comes to on what this replica holds. Whatever it cannot know makes it refuse: a version it does not hold, a
 * workflow it has not seen, a lease.
 * @throws NotHeldError and what `Engine.commit` throws for a refusal
 */
export function acceptCommit(commit: Commit, context: AcceptContext): DetachedEntry {
  const { once, puts = [], patches = [], deletes = [], touches = [], enqueue = [], publish = [] } = commit;
  if (commit.ack !== undefined || commit.claim !== undefined) {
    const failed = commit.ack && ({ part: 'ack', index: 0 } as const);
    throw new NotHeldError('leases of tasks are given out and taken back by it alone', failed);
  }
  if (commit.settles !== undefined) throw new NotHeldError('it alone knows the conflicts');
  // Whoever changes a board for the service keeps the change until the store takes it.
  if (commit.board !== undefined) throw new NotHeldError('it alone keeps the boards');
  checkSizes(puts, context.options.maxStateBytes);
  const look = (part: Part, i: number, of: { readonly id: string; readonly expect?: Expect }) =>
    demandHeld(part, i, of, context.held(of.id));
  const heldPuts = puts.map((put, i) => look('puts', i, put));
  const heldPatches = patches.map((patch, i) => look('patches', i, patch));
  const heldDeletes = deletes.map((part, i) => look('deletes', i, part));
  const heldTouches = touches.map((touch, i) => look('touches', i, touch));

  const made: DetachedPart[] = [
    ...puts.map((put, i) => acceptPut(put, heldPuts[i] as Held, context)),
    ...patches.map((patch, i) => asPart('patches', i, () => acceptPatch(patch, heldPatches[i] as There, context))),
    ...touches.map((touch, i) => acceptTouch(touch, heldTouches[i] as There, context)),
  ];
  const gone = deletes.map(({ id, expect }, i): DetachedPart => ({
    is: 'delete',
    id,
    base: baseOf(heldDeletes[i] as Held),
    isConditional: expect !== undefined,
  }));
  const workflows = made.map((part, i) =>
    committed(part, ([...heldPuts, ...heldPatches, ...heldTouches] as Held[])[i]),
  );
  const eventIds = publish.map((_, i) => `${PROVISIONAL}${context.n}-${i}`);
  return {
    n: context.n,
    tenant: context.tenant,
    atMs: context.now,
    once,
    parts: [...made, ...gone],
    enqueue: enqueue.map((task) => startingAt(task, context.now)),
    publish,
    cancelTasksOf: commit.cancelTasksOf ?? [],
    outcome: {
      workflows,
      ...(enqueue.length > 0 && {
        tasks: enqueue.map((task) => ({ task: recordOf(begunTask(task, context.now)), isDuplicate: false })),
      }),
      ...(eventIds.length > 0 && { eventIds }),
      ...(once.memo !== undefined && { memo: once.memo }),
    },
  };
}

type There = Extract<Held, { is: 'there' }>;

/** A condition is met by what is held, or it cannot be judged here; but one that only what was written here since can meet, it fails. */
function demandHeld(
  part: Part,
  index: number,
  of: { readonly id: string; readonly expect?: Expect; readonly isNewId?: boolean },
  held: Held,
): Held {
  const { id, expect, isNewId } = of;
  if (held.is === 'unknown') {
    if (part === 'puts' && (expect === undefined || isNewId === true)) return held;
    throw new NotHeldError(`this replica has not seen workflow ${id} lately`, { part, index });
  }
  const current = held.is === 'there' ? held.record : undefined;
  if (expect === undefined) {
    if (current === undefined && part !== 'puts') throw new WorkflowNotFoundError(id, { part, index });
    return held;
  }
  if (meets(expect, current)) return held;
  if (isSurelyUnmet(expect, held)) throw new VersionConflictError({ part, index }, id, current);
  throw new NotHeldError(`this replica does not hold workflow ${id} as you expect it`, { part, index });
}

/** It asks for a version that a write made here has come after, or for the absence of what was written here. */
function isSurelyUnmet(expect: Expect, held: Held): boolean {
  if (held.is === 'deleted') return 'exists' in expect;
  if (held.is !== 'there' || held.own === undefined) return false;
  const { record, own } = held;
  if ('exists' in expect) return true;
  if (!('etags' in expect)) return false;
  return expect.etags.every((etag) => etag === own.baseEtag || etag.startsWith(`"${record.incarnation}-`));
}

function baseOf(held: Held): Base {
  return held.is === 'unknown' ? { on: 'unknown' } : held.base;
}

function acceptPut({ expect, ...put }: Put, held: Held, context: AcceptContext): DetachedPart {
  const base: Base = put.isNewId === true && held.is === 'unknown' ? { on: 'absent' } : baseOf(held);
  return { is: 'put', put, base, isConditional: expect !== undefined, after: next(put.id, put.ttl, held, context) };
}

function acceptPatch({ edit, expect, ...patch }: Patch, held: There, context: AcceptContext): DetachedPart {
  const { options, index, now } = context;
  const { document, changed } = edit.apply(parseDocument(held.record.state), new Date(now));
  const { state } = resultOf(document, index, options.maxStateBytes);
  return {
    is: 'patch',
    patch: { ...patch, cause: edit.cause, ...(edit.recipe && { recipe: edit.recipe }) },
    base: held.base,
    isConditional: expect !== undefined,
    after: { ...next(patch.id, patch.ttl, held, context), state },
    changed,
  };
}

function acceptTouch({ expect, ...touch }: Touch, held: There, { now, options }: AcceptContext): DetachedPart {
  const deadlineMs = deadlineOf(touch.ttl, held, now, options);
  const after = { ...pickMeta(held.record), deadlineMs, state: held.record.state };
  return { is: 'touch', touch, base: held.base, isConditional: expect !== undefined, after };
}

/** The version that follows what is held. In a provisional life of its own, so that its tag can never be one of the store's. */
function next(id: string, ttl: Ttl, held: Held, { now, options, newIncarnation }: AcceptContext): WorkflowMeta {
  const before = held.is === 'there' ? held.record : undefined;
  const isOwn = held.is === 'there' && held.own !== undefined && before?.incarnation.startsWith(PROVISIONAL) === true;
  return {
    id,
    incarnation: isOwn ? held.record.incarnation : `${PROVISIONAL}${newIncarnation()}`,
    version: (before?.version ?? 0) + 1,
    createdAtMs: before?.createdAtMs ?? now,
    updatedAtMs: Math.max(now, before?.updatedAtMs ?? now),
    deadlineMs: deadlineOf(ttl, held, now, options),
  };
}

function deadlineOf(ttl: Ttl, held: Held, now: number, { defaultTtlMs }: EngineOptions): number | null {
  if (ttl === null) return null;
  if (ttl !== 'keep') return now + ttl;
  return held.is === 'there' ? held.record.deadlineMs : now + defaultTtlMs;
}

function committed(part: DetachedPart, held: Held | undefined): CommittedWorkflow {
  const { after } = part as Exclude<DetachedPart, { is: 'delete' }>;
  // A touch answers without the state that it did not write.
  if (part.is === 'touch') {
    const { state: _state, ...meta } = part.after;
    return { ...meta, created: false };
  }
  return { ...after, created: held?.is !== 'there' };
}

/** From when it was accepted, not from when it is drained. */
function startingAt(task: NewTask, now: number): NewTask {
  const { start } = task;
  return 'delayMs' in start && start.delayMs > 0 ? { ...task, start: { atMs: now + start.delayMs } } : task;
}

/** The tag of the version in the store that a write was made on. */
export function baseEtagOf(base: Base): string | undefined {
  return base.on === 'version' ? etagOf(base) : undefined;
}
