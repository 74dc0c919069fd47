import type { Commit, Patch, Put, Touch, Ttl } from '../../commit.js';
import { CommitSize } from '../../commit-size.js';
import { aboutPatch, checkSizes, resultOf } from '../../edit-result.js';
import type { EngineOptions } from '../../engine.js';
import { asPart } from '../../errors.js';
import { checkOf, digestOf } from '../../records/check.js';
import { demand } from '../../expectation.js';
import type { Profile, Profiles } from '../../profile.js';
import { historyAfter, NO_HISTORY, type Entry } from '../workflows/entry.js';
import { HotDocuments } from '../workflows/hot-documents.js';
import type { TenantData } from '../tenant-data.js';
import type { TextStore } from '../journal/text-store.js';

/** The change of one workflow; undefined means no workflow. */
export interface WorkflowChange {
  readonly id: string;
  readonly old: Entry | undefined;
  readonly next: Entry | undefined;
}

/** The checked changes of a commit, not applied yet. */
export interface WorkflowPlan {
  readonly changes: readonly WorkflowChange[];
  /** One entry for each put, then each patch, then each touch. */
  readonly written: readonly WrittenWorkflow[];
}

export interface WrittenWorkflow {
  readonly id: string;
  readonly isCreated: boolean;
  /** The state that a patch produced. */
  readonly state?: string;
}

/** Profile of the tenant, time of a commit, and its number among the commits of the engine. */
export interface Moment {
  readonly profile: Profile;
  readonly now: number;
  readonly commit: number;
  /** Once key of the commit. */
  readonly key: string;
}

/** Computes the changes of the workflows of a commit. Pure except for its cache of parsed documents. */
export class CommitPlanner {
  readonly #documents = new HotDocuments();

  constructor(
    private readonly options: EngineOptions,
    private readonly profiles: Profiles,
    private readonly texts: TextStore,
  ) {}

  /** @throws the refusals of `Engine.commit` */
  plan(tenant: string, { workflows }: TenantData, commit: Commit, at: Omit<Moment, 'profile' | 'key'>): WorkflowPlan {
    // No spread: V8 is many times slower with a member after a spread.
    const moment = { now: at.now, commit: at.commit, key: commit.once.key, profile: this.profiles.of(tenant) };
    const { puts = [], patches = [], deletes = [], touches = [] } = commit;
    const { now } = moment;
    const live = (id: string) => workflows.find(id, now);
    puts.forEach((put, i) => demand('puts', i, put, live(put.id)));
    patches.forEach((patch, i) => demand('patches', i, patch, live(patch.id)));
    deletes.forEach((part, i) => demand('deletes', i, part, live(part.id)));
    touches.forEach((touch, i) => demand('touches', i, touch, live(touch.id)));

    const changes: WorkflowChange[] = [];
    const written: WrittenWorkflow[] = [];
    const change = (id: string, next: Entry | undefined, result?: { state: string }) => {
      // `old` may be expired but not swept; it is replaced as a whole.
      changes.push({ id, old: workflows.get(id), next });
      if (next !== undefined) written.push({ id, isCreated: live(id) === undefined, ...result });
    };
    const size = new CommitSize(this.options.maxStateBytes);
    puts.forEach((put, i) => {
      asPart('puts', i, () => size.add(put.state));
      change(put.id, this.#put(put, live(put.id), moment));
    });
    patches.forEach((patch, i) => {
      const { next, state } = asPart('patches', i, () => this.#patch(patch, live(patch.id) as Entry, moment));
      asPart('patches', i, () => size.add(state));
      change(patch.id, next, { state });
    });
    for (const { id } of deletes) change(id, undefined);
    for (const touch of touches) change(touch.id, this.#touch(touch, live(touch.id) as Entry, moment));
    return { changes, written };
  }

  /** @throws StateTooLargeError */
  demandSizes({ puts = [] }: Commit): void {
    checkSizes(puts, this.options.maxStateBytes);
  }

  #put({ id, incarnation, state, index, ttl, about }: Put, old: Entry | undefined, moment: Moment): Entry {
    const { profile, now, commit, key } = moment;
    const { deadlineMs, ttlMs } = lifeOf(ttl, old, moment);
    return {
      id,
      incarnation: old?.incarnation ?? incarnation,
      version: (old?.version ?? 0) + 1,
      check: checkOf(key, digestOf(state)),
      createdAtMs: old?.createdAtMs ?? now,
      // If the clock is set back, a later version must not look older.
      updatedAtMs: Math.max(now, old?.updatedAtMs ?? now),
      deadlineMs,
      ttlMs,
      state: this.texts.add(state),
      about,
      index,
      isTouched: false,
      commit,
      history: old === undefined ? NO_HISTORY : historyAfter(old, profile),
    };
  }

  #patch(patch: Patch, old: Entry, moment: Moment): { next: Entry; state: string } {
    const { id, edit, ttl } = patch;
    const { document, changed } = edit.apply(this.#documents.take(old), new Date(moment.now));
    const { state, index } = resultOf(document, moment.profile.index, this.options.maxStateBytes);
    const about = aboutPatch(patch, changed);
    const next = this.#put({ id, incarnation: old.incarnation, state, index, ttl, about }, old, moment);
    this.#documents.keep(next, document);
    return { next, state };
  }

  #touch({ ttl }: Touch, old: Entry, moment: Moment): Entry {
    return { ...old, ...lifeOf(ttl, old, moment), isTouched: true, commit: moment.commit };
  }
}

/** Deadline without regard to open tasks; `TaskWork` removes it while there are any. */
function lifeOf(ttl: Ttl, old: Entry | undefined, { now, profile }: Moment): Pick<Entry, 'deadlineMs' | 'ttlMs'> {
  if (ttl === 'keep' && old !== undefined) return { deadlineMs: old.deadlineMs, ttlMs: old.ttlMs };
  const ttlMs = ttl === 'keep' ? profile.defaultTtlMs : ttl;
  return { deadlineMs: ttlMs === null ? null : now + ttlMs, ttlMs };
}
