import { Logger } from '@nestjs/common';
import { ServiceError } from '../../service-error.js';
import type { Clock } from '../clock.js';
import type { Commit, Delete, Edit, EditRecipe, Expect, Once, Outcome, Patch, Put, Touch } from '../commit.js';
import { type About, type WorkflowMeta, type WorkflowRecord, etagOf } from '../records/workflow-meta.js';
import type { ConflictBase, ConflictRecord } from '../conflicts.js';
import { KeptAsConflictError, VersionConflictError } from '../errors.js';
import type { WorkflowIndex } from '../workflow-index.js';
import { idOf, stateAfter, type Base, type DetachedEntry, type DetachedPart, type Fate } from './detached-entry.js';
import type { Fates } from './detached-journal.js';
import type { DetachedStore } from './detached-store.js';

/** So long the outcome of a drained commit is known at least: longer than a crash in the middle of a drain is likely to last. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** What a drain needs of the store. */
export interface DrainTarget {
  commit(tenant: string, commit: Commit): Promise<Outcome>;
  keepConflicts(
    tenant: string,
    once: Once,
    conflicts: readonly {
      readonly record: Omit<ConflictRecord, 'n' | 'keptAtMs' | 'untilMs'>;
      readonly keepMs: number | null;
      readonly state: string | undefined;
    }[],
  ): Promise<void>;
}

/** How an entry ended: as it was acknowledged; run again on a newer state; known already; kept apart; over before it came here. */
export type DrainedAs = 'exact' | 'merged' | 'replayed' | 'recovered' | 'conflict' | 'expired';

export interface DrainParts {
  readonly target: DrainTarget;
  readonly store: DetachedStore;
  readonly index: WorkflowIndex;
  readonly clock: Clock;
  readonly editOf: (recipe: EditRecipe) => Edit;
}

/** What stands where a base was: this version, nothing, or something else, which is a conflict. */
type Standing =
  | { readonly is: 'version'; readonly incarnation: string; readonly version: number; readonly isExact: boolean }
  | { readonly is: 'absent' }
  | { readonly is: 'gone' };

type Way = { readonly is: 'again' } | { readonly is: 'lost'; readonly current: WorkflowMeta | undefined };

/**
 * Brings an entry into the store, as one commit under its own once key: so doing it again after a crash does nothing. A
 * write lands only on what it was based on; an operation without condition is run again on what is there now; everything else is kept as a
 * conflict, and the store stays as it is.
 */
export class Drain {
  readonly #logger = new Logger('Detached');

  constructor(private readonly parts: DrainParts) {}

  /**
   * `hasLostData`: the store is not the one it was, so what is missing there was lost and not deleted.
   * @throws StoreUnavailableError, StoreFullError, OutcomeUnknownError: the entry still waits, and may be drained again.
   */
  async one(entry: DetachedEntry, hasLostData: boolean): Promise<DrainedAs> {
    const { store } = this.parts;
    if (this.#isOver(entry) && !store.hasFollower(entry)) {
      await store.settle(entry, conflictFates(entry), []);
      return 'expired';
    }
    const standings = entry.parts.map((part) => this.#standing(part.base, idOf(part)));
    try {
      const { outcome, wasRecovered } = await this.#land(entry, standings, hasLostData);
      const fates = fatesOf(entry, standings, outcome, wasRecovered);
      await store.settle(entry, fates, this.#recordsOf(entry, outcome, fates));
      if (outcome.replayed) return 'replayed';
      if (wasRecovered) return 'recovered';
      return Object.values(fates).every((fate) => fate.is !== 'version' || fate.isExact) ? 'exact' : 'merged';
    } catch (error) {
      if (mayPass(error)) throw error;
      if (!(error instanceof KeptAsConflictError)) await this.#keepApart(entry, error);
      await store.settle(entry, conflictFates(entry), []);
      return 'conflict';
    }
  }

  #isOver({ parts, enqueue, publish }: DetachedEntry): boolean {
    const now = this.parts.clock();
    const isOver = (part: DetachedPart) =>
      part.is !== 'delete' && part.after.deadlineMs !== null && part.after.deadlineMs <= now;
    return parts.length > 0 && enqueue.length + publish.length === 0 && parts.every(isOver);
  }

  #standing(base: Base, id: string): Standing {
    switch (base.on) {
      case 'version':
        return { is: 'version', incarnation: base.incarnation, version: base.version, isExact: true };
      case 'absent':
      case 'unknown':
        return { is: 'absent' };
      case 'commit': {
        const fate = this.parts.store.fateOf(base.n, id);
        if (fate === undefined || fate.is === 'conflict') return { is: 'gone' };
        return fate.is === 'deleted' ? { is: 'absent' } : fate;
      }
    }
  }

  async #land(
    entry: DetachedEntry,
    standings: readonly Standing[],
    hasLostData: boolean,
  ): Promise<{ outcome: Outcome; wasRecovered: boolean }> {
    const ways = new Map<string, Way>();
    for (;;) {
      try {
        const outcome = await this.parts.target.commit(entry.tenant, this.#commitOf(entry, standings, ways));
        return { outcome, wasRecovered: [...ways.values()].some(({ is }) => is === 'lost') };
      } catch (error) {
        const found = wayOut(entry, standings, error, hasLostData);
        if (found === undefined || ways.has(found.id)) throw error;
        ways.set(found.id, found.way);
      }
    }
  }

  #commitOf(entry: DetachedEntry, standings: readonly Standing[], ways: ReadonlyMap<string, Way>): Commit {
    const puts: Put[] = [];
    const patches: Patch[] = [];
    const deletes: Delete[] = [];
    const touches: Touch[] = [];
    const recovered: Record<string, number> = {};
    entry.parts.forEach((part, i) => {
      const standing = standings[i] as Standing;
      const id = idOf(part);
      const way = ways.get(id);
      const expect = expectationOn(part, standing, way);
      if (way?.is === 'lost' && standing.is === 'version') {
        // The state is known whole, and what the store still has is older: it goes back as it was here.
        recovered[id] = standing.version;
        const again = way.current === undefined ? { exists: false } : { etags: [etagOf(way.current)] };
        const state = stateAfter(part);
        if (state === undefined) deletes.push({ id, expect: again });
        else puts.push({ ...this.#whole(part, state), incarnation: standing.incarnation, expect: again });
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
        // It happened then, not now.
        const at = new Date(entry.atMs);
        const then: Edit = { cause, apply: (document) => edit.apply(document, at) };
        patches.push({ ...patch, edit: then, ttl: this.#ttlOf(part), expect });
      }
    });
    const { once, enqueue, publish, cancelTasksOf } = entry;
    return {
      once: { ...once, keepMs: Math.max(once.keepMs, KEPT_MS) },
      puts,
      patches,
      deletes,
      touches,
      enqueue,
      publish,
      cancelTasksOf,
      drained: { recovered },
    };
  }

  /** As a put of what it came to. */
  #whole(part: DetachedPart, state: string): Put {
    const id = idOf(part);
    const incarnation = part.is === 'put' ? part.put.incarnation : '';
    return {
      id,
      incarnation,
      state,
      index: this.parts.index.ofState(state),
      ttl: this.#ttlOf(part),
      about: aboutOf(part),
    };
  }

  /** What is left of the time that was given. 'keep' has given none. */
  #ttlOf(part: Exclude<DetachedPart, { is: 'delete' }> | DetachedPart): Put['ttl'] {
    if (part.is === 'delete') return 'keep';
    const given = part.is === 'put' ? part.put.ttl : part.is === 'patch' ? part.patch.ttl : part.touch.ttl;
    const { deadlineMs } = part.after;
    if (given === null || given === 'keep' || deadlineMs === null) return given;
    return Math.max(1, Math.round(deadlineMs - this.parts.clock()));
  }

  async #keepApart(entry: DetachedEntry, error: unknown): Promise<void> {
    const reason = error instanceof ServiceError ? error.code : 'INTERNAL_ERROR';
    if (!(error instanceof ServiceError)) this.#logger.error(`entry ${entry.n} cannot be drained: ${String(error)}`);
    if (entry.parts.length === 0) {
      this.#logger.error(`what was enqueued or published as ${entry.once.key} is refused: ${reason}`);
      return;
    }
    const now = this.parts.clock();
    const conflicts = entry.parts.map((part, i) => {
      const deadlineMs = part.is === 'delete' ? now : part.after.deadlineMs;
      const state = stateAfter(part);
      const record = {
        id: idOf(part),
        is: part.is === 'delete' ? ('delete' as const) : ('state' as const),
        etag: part.is === 'delete' ? null : etagOf(part.after),
        base: conflictBase(part.base),
        about: aboutOf(part),
        writtenAtMs: entry.atMs,
        deadlineMs: part.is === 'delete' ? null : deadlineMs,
        reason,
        enqueue: i === 0 ? entry.enqueue : [],
        publish: i === 0 ? entry.publish : [],
      };
      return { record, keepMs: deadlineMs === null ? null : Math.max(deadlineMs - now, KEPT_MS), state };
    });
    const once = { ...entry.once, keepMs: Math.max(entry.once.keepMs, KEPT_MS) };
    // The key belongs to another request; a repeat will be told so.
    const own = reason === 'IDEMPOTENCY_MISMATCH' ? { ...once, key: `${once.key}:conflict` } : once;
    await this.parts.target.keepConflicts(entry.tenant, own, conflicts).catch((failure: unknown) => {
      if (!(failure instanceof KeptAsConflictError)) throw failure;
    });
  }

  /** The workflows as the store has them after an entry, with their states where the entry knows them. */
  #recordsOf(entry: DetachedEntry, outcome: Outcome, fates: Fates): WorkflowRecord[] {
    return outcome.workflows.flatMap(({ created: _created, state, ...meta }) => {
      const part = entry.parts.find((one) => idOf(one) === meta.id);
      const fate = fates[meta.id];
      const isExact = fate?.is === 'version' && fate.isExact;
      const known = state ?? (part && isExact ? stateAfter(part) : undefined);
      return known === undefined ? [] : [{ ...meta, state: known }];
    });
  }
}

/** What must be true of the workflow, so that nothing is overwritten that the write was not based on. */
function expectationOn(part: DetachedPart, standing: Standing, way: Way | undefined): Expect {
  switch (standing.is) {
    case 'absent':
      return { exists: false };
    case 'gone':
      return NEVER;
    case 'version': {
      const { incarnation, isExact } = standing;
      // An operation lands on any version of the same life; but first it is asked whether the base is still there.
      if (isOperation(part) && (way?.is === 'again' || !isExact)) return { incarnation };
      // Its base holds what others wrote in between, and whoever made it has not seen that.
      return isExact ? { etags: [etagOf(standing)] } : NEVER;
    }
  }
}

/** It says what to do, whatever the state is, and the client had no condition. */
function isOperation(part: DetachedPart): boolean {
  return !part.isConditional && (part.is === 'touch' || (part.is === 'patch' && part.patch.recipe !== undefined));
}

/** No tag looks like this. */
const NEVER: Expect = { etags: [] };

/**
 * The part that met another version than its base, and what to do about it: run an operation again on a later one; put back what
 * the store has lost, that is, has an older version of than it had given out, or nothing at all after it lost data. Undefined: a conflict.
 */
function wayOut(
  entry: DetachedEntry,
  standings: readonly Standing[],
  error: unknown,
  hasLostData: boolean,
): { id: string; way: Way } | undefined {
  if (!(error instanceof VersionConflictError)) return undefined;
  const { id, current } = error;
  const at = entry.parts.findIndex((one) => idOf(one) === id);
  const [part, standing] = [entry.parts[at], standings[at]];
  if (part === undefined || standing?.is !== 'version' || !standing.isExact) return undefined;
  if (current === undefined) return hasLostData ? { id, way: { is: 'lost', current } } : undefined;
  if (current.incarnation !== standing.incarnation) return undefined;
  if (current.version < standing.version) return { id, way: { is: 'lost', current } };
  return isOperation(part) ? { id, way: { is: 'again' } } : undefined;
}

/** A store that is away, full, or in doubt says nothing about the entry. */
function mayPass(error: unknown): boolean {
  const code = error instanceof ServiceError ? error.code : undefined;
  return code === 'STORE_UNAVAILABLE' || code === 'STORE_FULL' || code === 'OUTCOME_UNKNOWN';
}

function fatesOf(
  { parts }: DetachedEntry,
  standings: readonly Standing[],
  { workflows }: Outcome,
  wasRecovered: boolean,
): Fates {
  const fates: Record<string, Fate> = {};
  parts.forEach((part, i) => {
    const id = idOf(part);
    const landed = workflows.find((workflow) => workflow.id === id);
    fates[id] =
      part.is === 'delete' || landed === undefined
        ? { is: 'deleted' }
        : { is: 'version', ...versionOf(landed), isExact: wasRecovered || isSuccessor(landed, standings[i], part) };
  });
  return fates;
}

function versionOf({ incarnation, version }: WorkflowMeta) {
  return { incarnation, version };
}

/** A repeat after a crash must come to the same, so it is told from the numbers alone. */
function isSuccessor(landed: WorkflowMeta, standing: Standing | undefined, part: DetachedPart): boolean {
  if (standing?.is === 'absent') return landed.version === 1;
  if (standing?.is !== 'version' || !standing.isExact || landed.incarnation !== standing.incarnation) return false;
  return landed.version === standing.version + (part.is === 'touch' ? 0 : 1);
}

function conflictFates({ parts }: DetachedEntry): Fates {
  return Object.fromEntries(parts.map((part) => [idOf(part), { is: 'conflict' as const }]));
}

function conflictBase(base: Base): ConflictBase {
  switch (base.on) {
    case 'version':
      return { kind: 'version', etag: etagOf(base) };
    case 'commit':
      return base.etag === null ? { kind: 'absent' } : { kind: 'detached', etag: base.etag };
    case 'absent':
    case 'unknown':
      return { kind: base.on };
  }
}

function aboutOf(part: DetachedPart): About {
  if (part.is === 'put') return part.put.about;
  if (part.is !== 'patch') return { by: 'unknown', cause: 'commit', changed: null };
  const { by, note, taskId, cause } = part.patch;
  return {
    by,
    cause,
    changed: part.changed,
    ...(note !== undefined && { note }),
    ...(taskId !== undefined && { taskId }),
  };
}
