import { parseDocument } from '../../json/document.js';
import { CommitSize } from '../commit-size.js';
import type { Commit, CommittedWorkflow, Expect, Once, Part, Patch, Put, Touch, Ttl } from '../commit.js';
import { checkSizes, resultOf } from '../edit-result.js';
import type { EngineOptions } from '../engine.js';
import { asPart, NotHeldError, VersionConflictError, WorkflowNotFoundError } from '../errors.js';
import { meets } from '../expectation.js';
import { checkOf, digestOf } from '../records/check.js';
import { pickMeta, etagOf, type WorkflowMeta, type WorkflowRecord } from '../records/workflow-meta.js';
import { recordOf } from '../records/task-fields.js';
import { begunTask, type NewTask } from '../task.js';
import type { WorkflowIndex } from '../workflow-index.js';
import type { Base, DetachedEntry, DetachedPart } from './detached-entry.js';

/** Workflow as known to this replica while the store is unreachable. */
export interface Held {
  /** 'unknown' if this replica knows nothing of the workflow. */
  readonly base: Base;
  /** Undefined if unknown, or deleted here during the outage. */
  readonly record: WorkflowRecord | undefined;
  /** Set if this replica wrote the workflow during the outage; has the base tag of the first such write. */
  readonly own: { readonly baseEtag: string | undefined } | undefined;
}

type There = Held & { readonly record: WorkflowRecord };
type WrittenPart = Exclude<DetachedPart, { is: 'delete' }>;
type Named = Pick<Put, 'id' | 'expect' | 'isNewId'>;

export interface AcceptContext {
  readonly n: number;
  readonly tenant: string;
  readonly now: number;
  readonly held: (id: string) => Held;
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  /** For workflows that this replica creates or changes. */
  readonly newIncarnation: () => string;
}

/** Prefix of incarnations that are not in the store yet. */
export const PROVISIONAL = 'detached-';

/**
 * Applies a commit to the held workflows. Refuses unknown versions, unknown workflows, and leases.
 * @throws NotHeldError and what `Engine.commit` throws for a refusal
 */
export function acceptCommit(commit: Commit, context: AcceptContext): DetachedEntry {
  const { once, puts = [], patches = [], deletes = [], touches = [], enqueue = [], publish = [] } = commit;
  if (commit.ack !== undefined || commit.claim !== undefined) {
    const failed = commit.ack && ({ part: 'ack', index: 0 } as const);
    throw new NotHeldError('leases are only in the store', failed);
  }
  if (commit.resolves !== undefined) throw new NotHeldError('conflicts are only in the store');
  // The service keeps board changes until the store is reachable.
  if (commit.board !== undefined) throw new NotHeldError('boards are only in the store');
  checkSizes(puts, context.options.maxStateBytes);
  const named = [...puts, ...patches, ...deletes, ...touches].map(({ id }) => [id, context.held(id)] as const);
  const held = new Map(named);
  const heldOf = ({ id }: { readonly id: string }) => held.get(id) as There;
  for (const [part, list] of Object.entries({ puts, patches, deletes, touches }) as [Part, readonly Named[]][])
    list.forEach((one, i) => demandHeld(part, i, one, heldOf(one)));

  const size = new CommitSize(context.options.maxStateBytes);
  puts.forEach(({ state }, i) => asPart('puts', i, () => size.add(state)));
  const made = [
    ...puts.map((put) => acceptPut(put, heldOf(put), once, context)),
    ...patches.map((patch, i) =>
      asPart('patches', i, () => {
        const part = acceptPatch(patch, heldOf(patch), once, context);
        size.add(part.after.state);
        return part;
      }),
    ),
    ...touches.map((touch) => acceptTouch(touch, heldOf(touch), context)),
  ];
  const gone = deletes.map((part): DetachedPart => {
    return { is: 'delete', id: part.id, base: heldOf(part).base, isConditional: part.expect !== undefined };
  });
  const workflows = made.map((part) => committed(part, heldOf(part.after)));
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

/**
 * Checks the condition of a part against the held workflow.
 * @throws VersionConflictError if a write of this outage makes the condition impossible; else NotHeldError, since the
 * store may meet it
 */
function demandHeld(part: Part, index: number, { id, expect, isNewId }: Named, held: Held): void {
  const { base, record: current } = held;
  if (base.on === 'unknown') {
    if (part === 'puts' && (expect === undefined || isNewId === true)) return;
    throw new NotHeldError(`this replica has no recent copy of workflow ${id}`, { part, index });
  }
  if (expect === undefined) {
    if (current === undefined && part !== 'puts') throw new WorkflowNotFoundError(id, { part, index });
    return;
  }
  if (meets(expect, current)) return;
  if (isSurelyUnmet(expect, held)) throw new VersionConflictError({ part, index }, id, current);
  throw new NotHeldError(`this replica does not hold the expected version of workflow ${id}`, { part, index });
}

/**
 * True if a write of this outage makes the condition impossible: it replaced the expected version, or it created or
 * deleted the workflow.
 */
function isSurelyUnmet(expect: Expect, held: Held): boolean {
  const { record, own } = held;
  if (own === undefined) return false;
  if ('exists' in expect) return true;
  if (record === undefined || !('etags' in expect)) return false;
  return expect.etags.every((etag) => etag === own.baseEtag || etag.startsWith(`"${record.incarnation}-`));
}

function acceptPut({ expect, ...put }: Put, held: Held, once: Once, context: AcceptContext): WrittenPart {
  const base: Base = put.isNewId === true && held.base.on === 'unknown' ? { on: 'absent' } : held.base;
  const after = next(put, put.state, held, once, context);
  return { is: 'put', put, base, isConditional: expect !== undefined, after };
}

function acceptPatch(
  { edit, expect, ...patch }: Patch,
  held: There,
  once: Once,
  context: AcceptContext,
): Extract<WrittenPart, { is: 'patch' }> {
  const { options, index, now } = context;
  const { document, changed } = edit.apply(parseDocument(held.record.state), new Date(now));
  const { state } = resultOf(document, index, options.maxStateBytes);
  return {
    is: 'patch',
    patch: { ...patch, cause: edit.cause, ...(edit.recipe && { recipe: edit.recipe }) },
    base: held.base,
    isConditional: expect !== undefined,
    after: { ...next(patch, state, held, once, context), state },
    changed,
  };
}

function acceptTouch({ expect, ...touch }: Touch, held: There, { now, options }: AcceptContext): WrittenPart {
  const deadlineMs = deadlineOf(touch.ttl, held, now, options);
  const after = { ...pickMeta(held.record), deadlineMs, state: held.record.state };
  return { is: 'touch', touch, base: held.base, isConditional: expect !== undefined, after };
}

/**
 * Version after the held one. Its incarnation is provisional, so its tag never equals one of the store. Its check is
 * the one that the same state gets in the store.
 */
function next(
  { id, ttl }: { readonly id: string; readonly ttl: Ttl },
  state: string,
  held: Held,
  { key }: Once,
  { now, options, newIncarnation }: AcceptContext,
): WorkflowMeta {
  const { record: before } = held;
  const isOwn = held.own !== undefined && before?.incarnation.startsWith(PROVISIONAL) === true;
  return {
    id,
    incarnation: isOwn ? before.incarnation : `${PROVISIONAL}${newIncarnation()}`,
    version: (before?.version ?? 0) + 1,
    check: checkOf(key, digestOf(state)),
    createdAtMs: before?.createdAtMs ?? now,
    updatedAtMs: Math.max(now, before?.updatedAtMs ?? now),
    deadlineMs: deadlineOf(ttl, held, now, options),
  };
}

function deadlineOf(ttl: Ttl, held: Held, now: number, { defaultTtlMs }: EngineOptions): number | null {
  if (ttl === 'keep' && held.record !== undefined) return held.record.deadlineMs;
  const ttlMs = ttl === 'keep' ? defaultTtlMs : ttl;
  return ttlMs === null ? null : now + ttlMs;
}

function committed(part: WrittenPart, held: Held): CommittedWorkflow {
  // The answer of a touch has no state.
  if (part.is === 'touch') {
    const { state: _state, ...meta } = part.after;
    return { ...meta, created: false };
  }
  return { ...part.after, created: held.record === undefined };
}

/** Delays count from acceptance, not from the drain. */
function startingAt(task: NewTask, now: number): NewTask {
  const { start } = task;
  return 'delayMs' in start && start.delayMs > 0 ? { ...task, start: { atMs: now + start.delayMs } } : task;
}

/** Tag of the base, if it is a version of the store. */
export function baseEtagOf(base: Base): string | undefined {
  return base.on === 'version' ? etagOf(base) : undefined;
}
