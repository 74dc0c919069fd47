import { parseDocument } from '../../../json/document.js';
import { systemClock, type Clock } from '../../clock.js';
import type { Commit, Once, Outcome, Patch } from '../../commit.js';
import { CharacterTurns } from '../../character-turns.js';
import { CommitSize } from '../../commit-size.js';
import { checkSizes } from '../../edit-result.js';
import { asPart, StoreUnavailableError } from '../../errors.js';
import { demand } from '../../expectation.js';
import type { WorkflowRecord } from '../../records/workflow-meta.js';
import type { ScriptSender } from '../scripts/script-sender.js';
import type { RedisWorkflows } from '../workflows/redis-workflows.js';
import { EditQueue, type EditQueueParts } from './edit-queue.js';
import { applyPatch, patchedPut, planOf, plannedPut, requestOf, taskPartsOf } from './plan-commit.js';
import type { Plan, PlannedPut } from './plan-commit.js';
import { jitter, tooManyWriters } from './retry.js';
import { verdictOf, type Done, type Verdict } from './verdict.js';

const MAX_ROUNDS = 50;

export interface RedisCommitsParts extends Omit<EditQueueParts, 'send' | 'find' | 'clock'> {
  readonly sender: ScriptSender;
  readonly workflows: RedisWorkflows;
  readonly clock?: Clock | undefined;
}

/** Runs a commit as one script. Repeats it if other writers change the base of its patches. */
export class RedisCommits {
  readonly #edits: EditQueue;
  readonly #clock: Clock;

  constructor(private readonly parts: RedisCommitsParts) {
    const { workflows, clock = systemClock } = parts;
    this.#clock = clock;
    this.#edits = new EditQueue({
      ...parts,
      clock,
      find: (tenant, id) => workflows.find(tenant, id),
      send: (tenant, plan) => this.#send(tenant, plan),
    });
  }

  async commit(tenant: string, commit: Commit): Promise<Outcome> {
    const { puts = [], once } = commit;
    const edit = onlyPatchOf(commit);
    if (edit !== undefined) return this.#edits.run(tenant, { once, patch: edit });
    try {
      checkSizes(puts, this.parts.options.maxStateBytes);
    } catch (error) {
      return this.#refuse(tenant, { once, ...(commit.claim && { claim: commit.claim }) }, error);
    }
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let edited: readonly PlannedPut[];
      try {
        edited = await this.#applyPatches(tenant, commit);
      } catch (error) {
        return this.#refuse(tenant, commit, error);
      }
      const verdict = await this.#send(
        tenant,
        planOf(commit, [...puts.map((put, i) => plannedPut(put, i, once)), ...edited]),
      );
      switch (verdict.is) {
        case 'done':
          return outcomeOf(once, verdict.done, puts.length, edited);
        case 'replayed':
          return verdict.outcome;
        case 'adopt':
          await this.parts.workflows.find(tenant, verdict.id);
          await this.parts.workflows.adopt(tenant, verdict.id);
          continue;
        case 'known':
        case 'fine':
          throw new StoreUnavailableError();
        case 'refused':
          // A patch expects only the version that was read: read again.
          if (verdict.error.failed?.part !== 'patches') throw verdict.error;
      }
      this.parts.observer.retried('conflict');
      await jitter(round);
    }
    throw tooManyWriters();
  }

  async #send(tenant: string, plan: Plan): Promise<Verdict> {
    return verdictOf(await this.parts.sender.send(tenant, requestOf(plan)));
  }

  /** Patches of a commit with several parts, as puts on exactly the current versions. */
  async #applyPatches(tenant: string, { puts = [], patches = [], once }: Commit): Promise<readonly PlannedPut[]> {
    const size = new CommitSize(this.parts.options.maxStateBytes);
    puts.forEach(({ state }, i) => asPart('puts', i, () => size.add(state)));
    if (patches.length === 0) return [];
    const time = new Date(this.#clock());
    const edited: PlannedPut[] = [];
    const turns = new CharacterTurns();
    const ids = patches.map(({ id }) => id);
    let at = 0;
    // A failing patch ends the reads, so that a refused commit does not hold 50 large states.
    for await (const record of this.parts.workflows.eachOf(tenant, ids)) {
      const patch = patches[at] as Patch;
      const part = { once, at, time };
      const put = asPart('patches', at, () => this.#applyPatch(tenant, patch, part, record));
      const [state = ''] = put.states;
      asPart('patches', at, () => size.add(state));
      edited.push(put);
      at++;
      await turns.spend(state.length);
    }
    return edited;
  }

  #applyPatch(
    tenant: string,
    patch: Patch,
    { once, at, time }: { readonly once: Once; readonly at: number; readonly time: Date },
    record: WorkflowRecord | undefined,
  ): PlannedPut {
    const { profiles, options } = this.parts;
    demand('patches', at, patch, record);
    const current = record as WorkflowRecord;
    const { version } = applyPatch(patch, parseDocument(current.state), time, once, {
      index: profiles.of(tenant).index,
      options,
    });
    return patchedPut(current, [version], { at, mustExist: true });
  }

  /**
   * Refuses a commit whose patch has failed. Once keys, the lease and puts are checked first, as in a commit: if one of
   * these checks fails, its refusal is the answer.
   */
  async #refuse(tenant: string, { puts = [], once, ack, claim }: Commit, error: unknown): Promise<Outcome> {
    // This check claims nothing. `claim` is sent along because a replay answers with the task that was claimed.
    const parts = { once, ...(ack && { ack }), ...(claim && { claim }) };
    const verdict = await this.#send(tenant, {
      ...planOf(
        parts,
        puts.map((put, i) => plannedPut(put, i, once)),
      ),
      checkOnly: true,
    });
    if (verdict.is === 'replayed') return verdict.outcome;
    throw verdict.is === 'refused' ? verdict.error : error;
  }
}

/** Patch of a commit without other parts. */
function onlyPatchOf(commit: Commit): Patch | undefined {
  const { puts = [], patches = [], deletes = [], touches = [], resolves, drained } = commit;
  if (patches.length !== 1 || puts.length + deletes.length + touches.length > 0) return undefined;
  const isAlone = resolves === undefined && drained === undefined && taskPartsOf(commit) === undefined;
  return isAlone ? patches[0] : undefined;
}

/** Outcome of a commit. Results are in the order puts, patches, touches. Results of patches get their new states. */
function outcomeOf({ memo }: Once, done: Done, putCount: number, patched: readonly PlannedPut[]): Outcome {
  const workflows = done.workflows.map((workflow, i) => {
    const state = patched[i - putCount]?.states[0];
    return state === undefined ? workflow : { ...workflow, state };
  });
  return { replayed: false, ...done, workflows, ...(memo !== undefined && { memo }) };
}
