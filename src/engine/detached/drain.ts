import { Logger } from '@nestjs/common';
import { ServiceError } from '../../service-error.js';
import type { Clock } from '../clock.js';
import {
  knownOutcomeOf,
  type Commit,
  type Delete,
  type Edit,
  type EditRecipe,
  type Expect,
  type KnownOutcome,
  type Once,
  type Outcome,
  type Patch,
  type Put,
  type Touch,
} from '../commit.js';
import {
  type WorkflowMeta,
  type WorkflowRecord,
  type VersionName,
  etagOf,
  versionNameOf,
} from '../records/workflow-meta.js';
import type { NewConflict } from '../conflicts.js';
import { isOfStore, KeptAsConflictError, OutcomeUnknownError, VersionConflictError } from '../errors.js';
import { findErasure, isErased, type Erasure } from '../erasure.js';
import { shortDigest } from '../short-digest.js';
import type { WorkflowIndex } from '../workflow-index.js';
import {
  idOf,
  recordAfter,
  type DetachedEntry,
  type DetachedPart,
  type Fate,
  type StoredVersion,
} from './detached-entry.js';
import type { Fates } from './detached-journal.js';
import type { DrainedAs } from './detached-observer.js';
import type { DetachedStore } from './detached-store.js';
import { MAX_FOLLOWED, newestOf } from './held-copies.js';
import { aboutOf, conflictsOf, MIN_KEPT_MS } from './kept-apart.js';

/** Time for which the answer about an erasure of a tenant is used again. */
const ERASURE_KNOWN_MS = 1000;
/** After this time, the outcome of a first attempt may be forgotten soon. The rest is for clocks that differ. */
const SURELY_KEPT_MS = MIN_KEPT_MS - 60 * 60 * 1000;

/** Calls of the store that a drain needs. */
export interface DrainTarget {
  commit(tenant: string, commit: Commit): Promise<Outcome>;
  keepConflicts(tenant: string, once: Once, conflicts: readonly NewConflict[]): Promise<void>;
  findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]>;
}

export interface DrainParts {
  readonly target: DrainTarget;
  readonly store: DetachedStore;
  readonly index: WorkflowIndex;
  readonly clock: Clock;
  readonly editOf: (recipe: EditRecipe) => Edit;
}

/**
 * Second attempt for a part whose base is not the current version: run the operation again, or restore a version that
 * the store lost.
 */
type Resolution = { readonly is: 'rerun' } | { readonly is: 'restore'; readonly current: WorkflowMeta | undefined };

/**
 * Drains an entry as one commit under its own once key, so that a repeat after a crash has no effect.
 * A write is applied if its base is the current version. If another version is current, an operation without a condition
 * is run again on that version; every other write becomes a conflict and does not change the workflow.
 */
export class Drain {
  readonly #logger = new Logger('Detached');

  readonly #erasures = new Map<string, { readonly untilMs: number; readonly found: Promise<Erasure | undefined> }>();

  constructor(private readonly parts: DrainParts) {}

  /**
   * `hasLostData`: the store has a new epoch, so a missing workflow was lost and not deleted.
   * @throws StoreUnavailableError, StoreFullError, OutcomeUnknownError: the entry stays and is drained again.
   */
  async one(entry: DetachedEntry, hasLostData: boolean): Promise<DrainedAs> {
    const { store } = this.parts;
    const erasure = await this.#erasureOf(entry.tenant);
    if (erasure !== undefined && isErased(erasure, entry.atMs)) {
      await store.remove(entry, conflictFates(entry), []);
      return 'erased';
    }
    if (await this.#isGone(entry)) return this.#expired(entry);
    if (this.#isForgotten(entry)) {
      await this.#keepApart(entry, new OutcomeUnknownError());
      await store.remove(entry, conflictFates(entry), []);
      return 'conflict';
    }
    const bases = entry.parts.map((part) => this.#baseOf(part));
    try {
      const { outcome, recovered } = await this.#apply(entry, bases, hasLostData);
      const fates = fatesOf(entry, bases, outcome, recovered, this.parts.clock());
      await store.remove(entry, fates, this.#recordsOf(entry, outcome, fates));
      if (outcome.replayed) return 'replayed';
      if (recovered.size > 0) return 'recovered';
      return Object.values(fates).every((fate) => fate.is !== 'version' || fate.isExact) ? 'exact' : 'merged';
    } catch (error) {
      if (error instanceof OutcomeUnknownError) store.noteAttempt(entry);
      if (isOfStore(error)) throw error;
      if (await this.#isGone(entry)) return this.#expired(entry);
      if (!(error instanceof KeptAsConflictError)) await this.#keepApart(entry, error);
      await store.remove(entry, conflictFates(entry), []);
      return 'conflict';
    }
  }

  /**
   * An earlier drain may have applied the entry so long ago that its once key is gone. Tasks and messages alone are sent
   * again: they are delivered at least once.
   */
  #isForgotten(entry: DetachedEntry): boolean {
    const attemptedAtMs = this.parts.store.attemptedAt(entry);
    if (attemptedAtMs === undefined || entry.parts.length === 0) return false;
    return this.parts.clock() - attemptedAtMs > SURELY_KEPT_MS;
  }

  #erasureOf(tenant: string): Promise<Erasure | undefined> {
    const known = this.#erasures.get(tenant);
    if (known !== undefined && performance.now() < known.untilMs) return known.found;
    const found = findErasure(this.parts.target, tenant);
    this.#erasures.set(tenant, { untilMs: performance.now() + ERASURE_KNOWN_MS, found });
    found.catch(() => this.#erasures.delete(tenant));
    return found;
  }

  /**
   * Whether the entry has expired, and the store has none of its workflows. While the store has one of them, only its
   * script knows whether the entry still counts: an open task may hold the workflow, or a later touch may have
   * prolonged it.
   */
  async #isGone(entry: DetachedEntry): Promise<boolean> {
    const { target, store } = this.parts;
    if (!this.#isOver(entry) || store.hasFollower(entry)) return false;
    const found = await target.findMany(entry.tenant, entry.parts.map(idOf));
    return found.every((record) => record === undefined);
  }

  /** Drops an expired entry, but still cancels the tasks that its commit cancelled. */
  async #expired(entry: DetachedEntry): Promise<DrainedAs> {
    const { tenant, cancelTasksOf } = entry;
    const { target, store } = this.parts;
    if (cancelTasksOf.length > 0) await target.commit(tenant, { once: onceOf(entry), cancelTasksOf, drained: {} });
    await store.remove(entry, conflictFates(entry), []);
    return 'expired';
  }

  #isOver({ parts, enqueue, publish }: DetachedEntry): boolean {
    const now = this.parts.clock();
    const isOver = (part: DetachedPart) =>
      part.is !== 'delete' && part.after.deadlineMs !== null && part.after.deadlineMs <= now;
    return parts.length > 0 && enqueue.length + publish.length === 0 && parts.every(isOver);
  }

  /** State of a part's base in the store, if no other writer has changed it. */
  #baseOf(part: DetachedPart): Fate {
    const { base } = part;
    switch (base.on) {
      case 'version':
        return { ...base, is: 'version', isExact: true };
      case 'absent':
      case 'unknown':
        return { is: 'deleted' };
      case 'commit':
        return this.parts.store.fateOf(base.n, idOf(part)) ?? { is: 'conflict' };
    }
  }

  async #apply(
    entry: DetachedEntry,
    bases: readonly Fate[],
    hasLostData: boolean,
  ): Promise<{ outcome: Outcome; recovered: ReadonlySet<string> }> {
    const resolutions = new Map<string, Resolution>();
    for (;;) {
      try {
        const outcome = await this.parts.target.commit(entry.tenant, this.#commitOf(entry, bases, resolutions));
        const restored = [...resolutions].filter(([, { is }]) => is === 'restore');
        return { outcome, recovered: new Set(restored.map(([id]) => id)) };
      } catch (error) {
        const found = resolutionOf(entry, bases, error, hasLostData);
        if (found === undefined || resolutions.has(found.id)) throw error;
        resolutions.set(found.id, found.resolution);
      }
    }
  }

  #commitOf(entry: DetachedEntry, bases: readonly Fate[], resolutions: ReadonlyMap<string, Resolution>): Commit {
    const puts: Put[] = [];
    const patches: Patch[] = [];
    const deletes: Delete[] = [];
    const touches: Touch[] = [];
    const recovered: Record<string, number> = {};
    const outcomes: KnownOutcome[] = [];
    entry.parts.forEach((part, i) => {
      const base = bases[i] as Fate;
      const id = idOf(part);
      const resolution = resolutions.get(id);
      const expect = expectationOn(part, base, resolution);
      if (resolution?.is === 'restore' && base.is === 'version') {
        // The store lost the base; the entry has the whole state.
        recovered[id] = base.version;
        const again = resolution.current === undefined ? { exists: false } : { etags: [etagOf(resolution.current)] };
        const state = recordAfter(part)?.state;
        if (state === undefined) deletes.push({ id, expect: again });
        else {
          puts.push({ ...this.#whole(part, state), incarnation: base.incarnation, expect: again });
          outcomes.push(...this.#lostOutcomes(base, resolution.current));
        }
      } else if (part.is === 'put') {
        puts.push({ ...part.put, ttl: this.#ttlOf(part), expect });
      } else if (part.is === 'delete') {
        deletes.push({ id, expect });
      } else if (part.is === 'touch') {
        touches.push({ id, ttl: this.#ttlOf(part), expect });
      } else if (part.patch.recipe === undefined) {
        puts.push({ ...this.#whole(part, part.after.state), expect });
      } else {
        const { recipe, cause, ...patch } = part.patch;
        const edit = this.parts.editOf(recipe);
        // Edits use the time of acceptance.
        const at = new Date(entry.atMs);
        const then: Edit = { cause, apply: (document) => edit.apply(document, at) };
        patches.push({ ...patch, edit: then, ttl: this.#ttlOf(part), expect });
      }
    });
    const { enqueue, publish, cancelTasksOf } = entry;
    const once = onceOf(entry);
    const drained = { recovered, ...(outcomes.length > 0 && { outcomes }) };
    return { once, puts, patches, deletes, touches, enqueue, publish, cancelTasksOf, drained };
  }

  /**
   * Outcomes of the commits between the current version and the base: the store lost them with their once keys, and the
   * base shows what they did.
   */
  #lostOutcomes({ outcomes = [] }: StoredVersion, current: WorkflowMeta | undefined): KnownOutcome[] {
    const now = this.parts.clock();
    return outcomes.flatMap((known) => {
      const keepMs = Math.round(known.untilMs - now);
      if (keepMs <= 0 || known.workflow.version <= (current?.version ?? 0)) return [];
      return [{ ...known, once: { ...known.once, keepMs } }];
    });
  }

  /** Put of the part's result. */
  #whole(part: DetachedPart, state: string): Put {
    const incarnation = part.is === 'put' ? part.put.incarnation : '';
    const index = this.parts.index.ofState(state);
    return { id: idOf(part), incarnation, state, index, ttl: this.#ttlOf(part), about: aboutOf(part) };
  }

  /** Time to live of the part: what is left of the time that the client gave, if it gave one. */
  #ttlOf(part: DetachedPart): Put['ttl'] {
    if (part.is === 'delete') return 'keep';
    const given = part.is === 'put' ? part.put.ttl : part.is === 'patch' ? part.patch.ttl : part.touch.ttl;
    const { deadlineMs } = part.after;
    if (given === null || given === 'keep' || deadlineMs === null) return given;
    return Math.max(1, Math.round(deadlineMs - this.parts.clock()));
  }

  async #keepApart(entry: DetachedEntry, error: unknown): Promise<void> {
    const reason = error instanceof ServiceError ? error.code : 'INTERNAL_ERROR';
    if (!(error instanceof ServiceError))
      this.#logger.error(`entry ${entry.n} cannot be drained and is kept as a conflict: ${String(error)}`);
    const now = this.parts.clock();
    const once = onceOf(entry);
    // The key belongs to another request; its outcome must stay.
    const isOfAnother = reason === 'IDEMPOTENCY_MISMATCH';
    const own = isOfAnother ? { ...once, key: `${once.key}:conflict:${shortDigest(once.fingerprint)}` } : once;
    const kept = this.parts.target.keepConflicts(entry.tenant, own, conflictsOf(entry, reason, now));
    await kept.catch((failure: unknown) => {
      if (!(failure instanceof KeptAsConflictError)) throw failure;
    });
  }

  /** Current workflows of an entry in the store, as far as their states are known. */
  #recordsOf(entry: DetachedEntry, outcome: Outcome, fates: Fates): WorkflowRecord[] {
    return outcome.workflows.flatMap(({ created: _created, state, ...meta }) => {
      const part = entry.parts.find((one) => idOf(one) === meta.id);
      const fate = fates[meta.id];
      const isExact = fate?.is === 'version' && fate.isExact;
      const known = state ?? (part && isExact ? recordAfter(part)?.state : undefined);
      return known === undefined ? [] : [{ ...meta, state: known }];
    });
  }
}

/** Once key of an entry, kept long enough for a drain after a crash. */
function onceOf({ once }: DetachedEntry): Once {
  return { ...once, keepMs: Math.max(once.keepMs ?? 0, MIN_KEPT_MS) };
}

/** Condition under which the part overwrites nothing but its base. */
function expectationOn(part: DetachedPart, base: Fate, resolution: Resolution | undefined): Expect {
  switch (base.is) {
    case 'deleted':
      return { exists: false };
    case 'conflict':
      return UNMEETABLE;
    case 'version': {
      const { incarnation, isExact } = base;
      // An operation may run on any version of the incarnation; the first attempt expects the base.
      if (isOperation(part) && (resolution?.is === 'rerun' || !isExact)) return { incarnation };
      // A base that is not exact contains changes of others. The client has not seen those, so the write may not
      // replace them.
      return isExact ? { etags: [etagOf(base)] } : UNMEETABLE;
    }
  }
}

/** Operation: a touch or an edit with a recipe, without a condition. Applies to any state. */
function isOperation(part: DetachedPart): boolean {
  return !part.isConditional && (part.is === 'touch' || (part.is === 'patch' && part.patch.recipe !== undefined));
}

/** No version meets this condition. */
const UNMEETABLE: Expect = { etags: [] };

/**
 * Second attempt after a version conflict; undefined if the conflict stands. A version that the store lost is restored
 * where the store has one that it follows, or none after a loss of data. A lower number alone does not show a loss:
 * another replica may have written that version after the loss. An operation is run again on any other version.
 */
function resolutionOf(
  entry: DetachedEntry,
  bases: readonly Fate[],
  error: unknown,
  hasLostData: boolean,
): { id: string; resolution: Resolution } | undefined {
  if (!(error instanceof VersionConflictError)) return undefined;
  const { id, current } = error;
  const at = entry.parts.findIndex((one) => idOf(one) === id);
  const [part, base] = [entry.parts[at], bases[at]];
  if (part === undefined || base?.is !== 'version' || !base.isExact) return undefined;
  if (current === undefined) return hasLostData ? { id, resolution: { is: 'restore', current } } : undefined;
  if (current.incarnation !== base.incarnation) return undefined;
  if (base.follows?.includes(versionNameOf(current)) === true) return { id, resolution: { is: 'restore', current } };
  return isOperation(part) ? { id, resolution: { is: 'rerun' } } : undefined;
}

function fatesOf(
  entry: DetachedEntry,
  bases: readonly Fate[],
  { workflows }: Outcome,
  recovered: ReadonlySet<string>,
  nowMs: number,
): Fates {
  const { parts } = entry;
  const known = parts.length > 1 ? undefined : knownOutcomeOf({ ...entry, once: onceOf(entry) }, workflows, nowMs);
  const fates: Record<string, Fate> = {};
  parts.forEach((part, i) => {
    const id = idOf(part);
    const landed = part.is === 'delete' ? undefined : workflows.find((workflow) => workflow.id === id);
    if (landed === undefined) {
      fates[id] = { is: 'deleted' };
    } else {
      const { incarnation, version, check } = landed;
      const base = bases[i];
      const isExact = recovered.has(id) || isSuccessor(landed, base, part);
      const before = isExact && base?.is === 'version' ? base : undefined;
      const follows = before ? [versionNameOf(before), ...(before.follows ?? [])].slice(0, MAX_FOLLOWED) : [];
      const outcomes = isExact ? newestOf(known ? [known] : [], before?.outcomes ?? []) : [];
      const made = outcomes.length > 0 && { outcomes };
      fates[id] = { is: 'version', incarnation, version, check, isExact, follows, ...made };
    }
  });
  return fates;
}

/**
 * Whether the part landed with the acknowledged state, right after its base. Compares what the outcome has, so that a
 * repeat after a crash has the same result. The check shows the state: the same commit makes the same check of it.
 */
function isSuccessor(landed: WorkflowMeta, base: Fate | undefined, part: DetachedPart): boolean {
  if (base?.is === 'deleted') return landed.version === 1;
  if (base?.is !== 'version' || !base.isExact || landed.incarnation !== base.incarnation) return false;
  if (part.is === 'touch') return versionNameOf(landed) === versionNameOf(base);
  if (part.is === 'delete' || landed.version !== base.version + 1) return false;
  // An entry that was journaled before there were checks has none.
  const { check = landed.check } = part.after as VersionName;
  return check === landed.check;
}

function conflictFates({ parts }: DetachedEntry): Fates {
  return Object.fromEntries(parts.map((part) => [idOf(part), { is: 'conflict' as const }]));
}
