import type { Commit, CommittedWorkflow, Outcome, Patch, Put, Touch, Ttl } from '../commit.js';
import { checkSize, resultOf } from '../edit-result.js';
import type { EngineOptions } from '../engine.js';
import { demand } from '../expectation.js';
import type { WorkflowIndex } from '../workflow-index.js';
import { historyAfter, isLive, NO_HISTORY, type Entry } from './entry.js';
import { HotDocuments } from './hot-documents.js';
import { keep, type Kept } from './outcomes.js';
import type { TenantData } from './tenant-data.js';
import type { TextStore } from './text-store.js';

/** Each commit adds one outcome; removing up to two that are over keeps their number bounded under any load. */
const OUTCOMES_REMOVED_AT_ONCE = 2;

/** What is done to one workflow. */
export interface Change {
  readonly id: string;
  readonly old: Entry | undefined;
  readonly next: Entry | undefined;
}

/** All that a commit will do, worked out and checked, nothing of it done yet. */
export interface Plan {
  readonly outcome: Outcome;
  readonly changes: readonly Change[];
  readonly outcomes: ReadonlyMap<string, Kept | undefined>;
}

/** When a commit takes place: its time, and its number among the commits of the engine. */
export interface Moment {
  readonly now: number;
  readonly commit: number;
}

/** Works out what becomes of the workflows a commit names. Pure but for its memory of documents. */
export class CommitPlanner {
  readonly #documents = new HotDocuments();

  constructor(
    private readonly options: EngineOptions,
    private readonly index: WorkflowIndex,
    private readonly texts: TextStore,
  ) {}

  /** @throws what `Engine.commit` throws for a refusal */
  plan({ workflows, outcomes }: TenantData, commit: Commit, moment: Moment): Plan {
    const { once, puts = [], patches = [], deletes = [], touches = [] } = commit;
    const { now } = moment;
    const live = (id: string) => {
      const entry = workflows.get(id);
      return entry !== undefined && isLive(entry, now) ? entry : undefined;
    };
    for (const { state } of puts) checkSize(state, this.options.maxStateBytes);
    puts.forEach((put, i) => demand('puts', i, put, live(put.id)));
    patches.forEach((patch, i) => demand('patches', i, patch, live(patch.id)));
    deletes.forEach((part, i) => demand('deletes', i, part, live(part.id)));
    touches.forEach((touch, i) => demand('touches', i, touch, live(touch.id)));

    const results: CommittedWorkflow[] = [];
    const changes: Change[] = [];
    const change = (id: string, next: Entry | undefined, result?: { state: string }) => {
      // An expired entry that is still there is replaced with everything that belongs to it.
      changes.push({ id, old: workflows.get(id), next });
      if (next !== undefined) results.push({ ...metaOf(next), created: live(id) === undefined, ...result });
    };
    for (const put of puts) change(put.id, this.#put(put, live(put.id), moment));
    for (const patch of patches) {
      const { next, state } = this.#patch(patch, live(patch.id) as Entry, moment);
      change(patch.id, next, { state });
    }
    for (const { id } of deletes) change(id, undefined);
    for (const touch of touches) change(touch.id, this.#touch(touch, live(touch.id) as Entry, moment));

    const over = outcomes.over(now, OUTCOMES_REMOVED_AT_ONCE).map((key): [string, undefined] => [key, undefined]);
    return {
      outcome: { replayed: false, workflows: results, ...(once.memo !== undefined && { memo: once.memo }) },
      changes,
      outcomes: new Map<string, Kept | undefined>([...over, [once.key, keep(once, { workflows: results }, now)]]),
    };
  }

  #put({ id, incarnation, state, index, ttl, about }: Put, old: Entry | undefined, { now, commit }: Moment): Entry {
    return {
      id,
      incarnation: old?.incarnation ?? incarnation,
      version: (old?.version ?? 0) + 1,
      createdAtMs: old?.createdAtMs ?? now,
      // A clock that is set back must not make a later version look older.
      updatedAtMs: Math.max(now, old?.updatedAtMs ?? now),
      deadlineMs: this.#deadline(ttl, old, now),
      state: this.texts.add(state),
      about,
      index,
      isTouched: false,
      commit,
      history: old === undefined ? NO_HISTORY : historyAfter(old, this.options),
    };
  }

  #patch({ id, edit, ttl, by, note }: Patch, old: Entry, moment: Moment): { next: Entry; state: string } {
    const { document, changed } = edit.apply(this.#documents.take(old), new Date(moment.now));
    const { state, index } = resultOf(document, this.index, this.options.maxStateBytes);
    const about = { by, cause: edit.cause, changed, ...(note !== undefined && { note }) };
    const next = this.#put({ id, incarnation: old.incarnation, state, index, ttl, about }, old, moment);
    this.#documents.keep(next, document);
    return { next, state };
  }

  #touch({ ttl }: Touch, old: Entry, { now, commit }: Moment): Entry {
    return { ...old, deadlineMs: this.#deadline(ttl, old, now), isTouched: true, commit };
  }

  #deadline(ttl: Ttl, old: Entry | undefined, now: number): number | null {
    if (ttl === null) return null;
    if (ttl === 'keep') return old === undefined ? now + this.options.defaultTtlMs : old.deadlineMs;
    return now + ttl;
  }
}

function metaOf({
  id,
  incarnation,
  version,
  createdAtMs,
  updatedAtMs,
  deadlineMs,
}: Entry): Omit<CommittedWorkflow, 'created'> {
  return { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs };
}
