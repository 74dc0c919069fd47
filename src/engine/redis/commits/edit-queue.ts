import { parseDocument, type JsonNode } from '../../../json/document.js';
import { ByteSemaphore } from '../../byte-semaphore.js';
import { CharacterTurns } from '../../character-turns.js';
import type { Clock } from '../../clock.js';
import type { CommittedWorkflow, Once, Outcome, Patch } from '../../commit.js';
import type { EngineObserver, EngineOptions } from '../../engine.js';
import { asPart, IdempotencyMismatchError, StoreUnavailableError, VersionConflictError } from '../../errors.js';
import { demand } from '../../expectation.js';
import type { WorkflowRecord } from '../../records/workflow-meta.js';
import { tenantKey } from '../../tenant-key.js';
import type { Profiles } from '../../profile.js';
import { applyPatch, patchedPut, type PatchedVersion, type Plan } from './plan-commit.js';
import { jitter, tooManyWriters } from './retry.js';
import type { Verdict } from './verdict.js';

const MAX_EDITS = 64;
/** Maximum characters of all versions of a batch, since a batch is one command. */
const MAX_CHARACTERS = 4 * 1024 * 1024;
const BATCH_TIMEOUT_MS = 15_000;
/** Bytes of the states that batches hold at once, if each has the greatest size: the size is not known before the state is read. */
const MAX_EDITED_BYTES = 64 * 1024 * 1024;
const MIN_BATCHES = 4;

export interface QueuedEdit {
  readonly once: Once;
  readonly patch: Patch;
}

interface Waiting extends QueuedEdit {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Workflow that edits are applied to. `isCertain`: read after the batch began, so a refusal is final. */
interface Base {
  readonly record: WorkflowRecord;
  readonly document: JsonNode;
  readonly isCertain: boolean;
}

interface Applied extends PatchedVersion {
  readonly edit: Waiting;
}

interface Refused {
  readonly edit: Waiting;
  readonly error: unknown;
  /** Number of applied edits before it. */
  readonly appliedBefore: number;
}

/** A batch applied to a base: edits that made a version, and edits that are refused if the base is still current. */
interface Attempt {
  readonly applied: readonly Applied[];
  readonly refused: readonly Refused[];
  /** Edits for a later batch. */
  readonly left: readonly Waiting[];
  readonly document: JsonNode;
}

export interface EditQueueParts {
  readonly send: (tenant: string, plan: Plan) => Promise<Verdict>;
  readonly find: (tenant: string, id: string) => Promise<WorkflowRecord | undefined>;
  readonly findOutcome: (tenant: string, once: Once) => Promise<Outcome | undefined>;
  readonly options: EngineOptions;
  readonly profiles: Profiles;
  readonly observer: EngineObserver;
  readonly clock: Clock;
}

/**
 * Batches edits of one workflow. Edits that arrive during a commit wait, and the next commit writes a version for each
 * of them. So writers of one replica never conflict. With several replicas, a batch fails only if another replica's
 * batch succeeded.
 */
export class EditQueue {
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #running: ByteSemaphore;

  constructor(private readonly parts: EditQueueParts) {
    this.#running = new ByteSemaphore(Math.max(MIN_BATCHES * parts.options.maxStateBytes, MAX_EDITED_BYTES));
  }

  run(tenant: string, edit: QueuedEdit): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const key = tenantKey(tenant, edit.patch.id);
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined) {
        waiting.push({ ...edit, resolve, reject });
      } else {
        this.#waiting.set(key, [{ ...edit, resolve, reject }]);
        void this.#runAll(tenant, key);
      }
    });
  }

  async #runAll(tenant: string, key: string): Promise<void> {
    const queue = this.#waiting.get(key) as Waiting[];
    let base: Base | undefined;
    while (queue.length > 0) {
      // While others wait, this workflow holds no state between two batches.
      if (this.#running.waiting > 0) base = undefined;
      const guess = base;
      base = await this.#running.run(this.parts.options.maxStateBytes, () => this.#nextBatch(tenant, queue, guess));
    }
    this.#waiting.delete(key);
  }

  async #nextBatch(tenant: string, queue: Waiting[], base: Base | undefined): Promise<Base | undefined> {
    const batch = queue.splice(0, MAX_EDITS);
    try {
      return await this.#runBatch(tenant, batch, base, queue);
    } catch (error) {
      for (const { reject } of batch) reject(error);
      return undefined;
    }
  }

  /** Answers each edit of a batch, or puts it back into the queue. Returns the workflow to try the next batch on. */
  async #runBatch(
    tenant: string,
    batch: readonly Waiting[],
    guess: Base | undefined,
    queue: Waiting[],
  ): Promise<Base | undefined> {
    const { id } = (batch[0] as Waiting).patch;
    const until = performance.now() + BATCH_TIMEOUT_MS;
    let edits = batch;
    let base = guess ?? (await this.#read(tenant, id));
    for (let round = 0; performance.now() < until; round++) {
      if (base === undefined) {
        for (const edit of edits) await this.#refuse(tenant, edit, refusalWithout(edit));
        return undefined;
      }
      const attempt = await this.#apply(tenant, edits, base);
      if (attempt.applied.length === 0) {
        if (base.isCertain) return this.#end(tenant, attempt, base, [], queue);
        base = await this.#read(tenant, id);
        continue;
      }
      const verdict = await this.#send(tenant, attempt.applied, base.record, (sent) => {
        queue.unshift(...edits.filter((edit) => !sent.has(edit)));
      });
      if (verdict === undefined) return undefined;
      if (verdict.is === 'done') return this.#end(tenant, attempt, base, verdict.done.workflows, queue);
      if (verdict.is === 'refused' && verdict.error instanceof VersionConflictError) {
        this.parts.observer.retried('conflict');
        base = verdict.current === undefined ? await this.#read(tenant, id) : baseOf(verdict.current);
        await jitter(round);
        continue;
      }
      const known = await this.#answerKnown(tenant, attempt.applied, verdict);
      edits = edits.filter((edit) => !known.has(edit));
      if (edits.length === 0) return undefined;
    }
    throw tooManyWriters();
  }

  /**
   * Undefined after a failure, which is the answer to the edits that were sent. The outcome of the others is known: they
   * have changed nothing, and wait for the next batch.
   */
  async #send(
    tenant: string,
    applied: readonly Applied[],
    base: WorkflowRecord,
    failed: (sent: ReadonlySet<Waiting>) => void,
  ): Promise<Verdict | undefined> {
    try {
      return await this.parts.send(tenant, planOf(applied, base));
    } catch (error) {
      const sent = new Set(applied.map(({ edit }) => edit));
      for (const { reject } of sent) reject(error);
      failed(sent);
      return undefined;
    }
  }

  async #read(tenant: string, id: string): Promise<Base | undefined> {
    const record = await this.parts.find(tenant, id);
    return record && baseOf(record);
  }

  /** Applies the edits in order, each to the result of the previous one. No side effects. */
  async #apply(tenant: string, edits: readonly Waiting[], base: Base): Promise<Attempt> {
    const { profiles, options } = this.parts;
    const limits = { index: profiles.of(tenant).index, options };
    const at = new Date(this.parts.clock());
    const applied: Applied[] = [];
    const refused: Refused[] = [];
    let document = base.document;
    let characters = 0;
    let taken = 0;
    const turns = new CharacterTurns();
    const keys = new Set<string>();
    for (const edit of edits) {
      // A duplicate commit waits for a later batch, which finds its once key.
      if (characters > MAX_CHARACTERS || keys.has(edit.once.key)) break;
      keys.add(edit.once.key);
      taken++;
      const { expect, id } = edit.patch;
      try {
        const version = base.record.version + applied.length;
        demand('patches', 0, { id, ...(expect && { expect }) }, { ...base.record, version });
        const made = asPart('patches', 0, () => applyPatch(edit.patch, document, at, edit.once, limits));
        applied.push({ edit, ...made.version });
        document = made.document;
        characters += made.version.state.length;
      } catch (error) {
        refused.push({ edit, error, appliedBefore: applied.length });
      }
      await turns.spend(document.length);
    }
    return { applied, refused, left: edits.slice(taken), document };
  }

  /** `workflows`: one per applied edit. Returns the workflow after the last of them. */
  async #end(
    tenant: string,
    { applied, refused, left, document }: Attempt,
    base: Base,
    workflows: readonly CommittedWorkflow[],
    queue: Waiting[],
  ): Promise<Base> {
    applied.forEach(({ edit, state }, i) => {
      const { memo } = edit.once;
      const workflow = { ...(workflows[i] as CommittedWorkflow), state };
      edit.resolve({ replayed: false, workflows: [workflow], ...(memo !== undefined && { memo }) });
    });
    for (const { edit, error, appliedBefore } of refused) {
      const before = workflows[appliedBefore - 1];
      const isStale = error instanceof VersionConflictError && before !== undefined;
      await this.#refuse(
        tenant,
        edit,
        isStale ? new VersionConflictError({ part: 'patches', index: 0 }, before.id, before) : error,
      );
    }
    queue.unshift(...left);
    const last = workflows.at(-1);
    if (last === undefined) return base;
    return { record: { ...last, state: applied.at(-1)?.state ?? '' }, document, isCertain: false };
  }

  /** Answers the edits whose once keys are known, and returns them. */
  async #answerKnown(tenant: string, applied: readonly Applied[], verdict: Verdict): Promise<Set<Waiting>> {
    const [first] = applied;
    if (verdict.is === 'known') {
      const known = applied.map(({ edit }) => edit).filter(({ once }) => verdict.keys.includes(once.key));
      for (const edit of known) await this.#refuse(tenant, edit, new StoreUnavailableError());
      return new Set(known);
    }
    // The script replays an outcome only for a single once key.
    if (first !== undefined && verdict.is === 'replayed') {
      first.edit.resolve(verdict.outcome);
      return new Set([first.edit]);
    }
    if (first !== undefined && verdict.is === 'refused' && verdict.error instanceof IdempotencyMismatchError) {
      first.edit.reject(verdict.error);
      return new Set([first.edit]);
    }
    throw verdict.is === 'refused' ? verdict.error : new StoreUnavailableError();
  }

  /** Rejects an edit; if its once key is known, resolves it with the stored outcome. */
  async #refuse(tenant: string, edit: Waiting, error: unknown): Promise<void> {
    try {
      const outcome = await this.parts.findOutcome(tenant, edit.once);
      if (outcome === undefined) edit.reject(error);
      else edit.resolve(outcome);
    } catch (failure) {
      edit.reject(failure);
    }
  }
}

function baseOf(record: WorkflowRecord): Base {
  return { record, document: parseDocument(record.state), isCertain: true };
}

/** Refusal of an edit whose workflow does not exist. */
function refusalWithout({ patch: { id, expect } }: Waiting): unknown {
  try {
    demand('patches', 0, { id, ...(expect && { expect }) }, undefined);
  } catch (error) {
    return error;
  }
  return new StoreUnavailableError();
}

/** Plan of one put: several versions, on exactly the base. */
function planOf(applied: readonly Applied[], base: WorkflowRecord): Plan {
  return {
    once: applied.map(({ edit: { once } }, i) => ({ ...once, first: i + 1, last: i + 1 })),
    puts: [patchedPut(base, applied, { at: 0, mustExist: false })],
    deletes: [],
    touches: [],
    wantState: true,
  };
}
