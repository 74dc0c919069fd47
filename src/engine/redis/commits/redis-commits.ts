import { parseDocument } from '../../../json/document.js';
import { systemClock, type Clock } from '../../clock.js';
import type { Commit, Once, Outcome, Patch } from '../../commit.js';
import { aboutPatch, checkSizes, resultOf } from '../../edit-result.js';
import type { EngineObserver, EngineOptions } from '../../engine.js';
import { asPart, StoreUnavailableError } from '../../errors.js';
import { demand } from '../../expectation.js';
import type { WorkflowRecord } from '../../records/workflow-meta.js';
import type { WorkflowIndex } from '../../workflow-index.js';
import { entriesOf, planOf, plannedPut, plannedTtl, taskPartsOf, type PlannedPut } from './commit-plan.js';
import {
  isRefusal,
  jitter,
  refusalOf,
  type Committer,
  type DoneWithTasks,
  type Refusal,
  type Verdict,
} from './committer.js';
import type { EditQueue } from './edit-queue.js';
import type { RedisWorkflows } from '../workflows/redis-workflows.js';

const MOST_ROUNDS = 50;

export interface RedisCommitsParts {
  readonly committer: Committer;
  readonly edits: EditQueue;
  readonly workflows: RedisWorkflows;
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  readonly observer: EngineObserver;
  readonly clock: Clock | undefined;
}

/** Turns a commit into one request of the script, and does so again until nobody has come between. */
export class RedisCommits {
  constructor(private readonly parts: RedisCommitsParts) {}

  async run(tenant: string, commit: Commit): Promise<Outcome> {
    const { puts = [], patches = [], deletes = [], touches = [], once } = commit;
    const [patch] = patches;
    const parts = patches.length + puts.length + deletes.length + touches.length;
    const isAlone = commit.settles === undefined && commit.drained === undefined && taskPartsOf(commit) === undefined;
    if (patch !== undefined && parts === 1 && isAlone) {
      return this.parts.edits.run(tenant, { once, patch });
    }
    try {
      checkSizes(puts, this.parts.options.maxStateBytes);
    } catch (error) {
      return this.#refuse(tenant, { once, ...(commit.claim && { claim: commit.claim }) }, error);
    }
    for (let round = 0; round < MOST_ROUNDS; round++) {
      let edited: readonly PlannedPut[];
      try {
        edited = await this.#workOut(tenant, patches);
      } catch (error) {
        return this.#refuse(tenant, commit, error);
      }
      const verdict = await this.parts.committer.send(tenant, planOf(commit, [...puts.map(plannedPut), ...edited]));
      switch (verdict.is) {
        case 'done':
          return outcomeOf(once, verdict, puts.length, edited);
        case 'replayed':
          return verdict.outcome;
        case 'adopt':
          await this.parts.workflows.find(tenant, verdict.id);
          await this.parts.workflows.adopt(tenant, verdict.id);
          continue;
        case 'known':
        case 'fine':
          throw new StoreUnavailableError();
        default:
          // A patch has no expectation of its own here but to build on what was read; that is read again.
          if ('part' in verdict && verdict.part === 'patches') break;
          throw this.#refusal(commit, verdict);
      }
      this.parts.observer.retried('conflict');
      await jitter(round);
    }
    throw new StoreUnavailableError({ cause: new Error('too many other writers were faster') });
  }

  /** The patches of a commit with several parts, as puts on exactly what is there now. */
  async #workOut(tenant: string, patches: readonly Patch[]): Promise<readonly PlannedPut[]> {
    if (patches.length === 0) return [];
    const at = new Date((this.parts.clock ?? systemClock)());
    const records = await this.parts.workflows.findMany(
      tenant,
      patches.map(({ id }) => id),
    );
    return patches.map((patch, i) => asPart('patches', i, () => this.#worked(patch, i, records[i], at)));
  }

  /** A patch was refused before the script was asked. What the script would have found first counts: a known once key, a put. */
  async #refuse(tenant: string, commit: Commit, error: unknown): Promise<Outcome> {
    const { puts = [], once, ack, claim } = commit;
    // The claim claims nothing here, but a commit that is known gives what it had claimed.
    const parts = { once, ...(ack && { ack }), ...(claim && { claim }) };
    const plan = { ...planOf(parts, puts.map(plannedPut)), checkOnly: true };
    const verdict = await this.parts.committer.send(tenant, plan);
    if (verdict.is === 'replayed') return verdict.outcome;
    throw isRefusal(verdict) ? this.#refusal(commit, verdict) : error;
  }

  #refusal(commit: Commit, verdict: Refusal): Error {
    const list = 'part' in verdict ? commit[verdict.part as 'puts' | 'patches' | 'deletes' | 'touches'] : undefined;
    const workflow = 'part' in verdict ? (list?.[verdict.at]?.id ?? '') : '';
    return refusalOf(verdict, {
      workflow,
      task: commit.ack?.taskId ?? '',
      mostOpen: this.parts.options.tasks.mostOpen,
      settles: commit.settles,
    });
  }

  #worked(patch: Patch, i: number, record: WorkflowRecord | undefined, at: Date): PlannedPut {
    demand('patches', i, patch, record);
    const { id, incarnation, version, state } = record as WorkflowRecord;
    const { edit, ttl } = patch;
    const edited = edit.apply(parseDocument(state), at);
    const result = resultOf(edited.document, this.parts.index, this.parts.options.maxStateBytes);
    return {
      part: 'patches',
      at: i,
      id,
      expect: { etags: [`"${incarnation}-${version}"`] },
      mustExist: true,
      inc: incarnation,
      index: entriesOf(result.index),
      ttls: [plannedTtl(ttl)],
      abouts: [JSON.stringify(aboutPatch(patch, edited.changed))],
      states: [result.state],
    };
  }
}

/** Results come in the order puts, patches, touches; those of the patches get the states they produced. */
function outcomeOf(
  { memo }: Once,
  { workflows, tasks }: Extract<Verdict, { is: 'done' }>,
  putCount: number,
  patched: readonly PlannedPut[],
): Outcome {
  const results = workflows.map((workflow, i) => {
    const state = patched[i - putCount]?.states[0];
    return state === undefined ? workflow : { ...workflow, state };
  });
  return {
    replayed: false,
    workflows: results,
    ...(tasks && partsOf(tasks)),
    ...(memo !== undefined && { memo }),
  };
}

function partsOf({ enqueued, eventIds, next }: DoneWithTasks): Pick<Outcome, 'tasks' | 'eventIds' | 'next'> {
  return {
    ...(enqueued.length > 0 && { tasks: enqueued }),
    ...(eventIds.length > 0 && { eventIds }),
    ...(next && { next }),
  };
}
