import { parseDocument, type JsonNode } from '../../../json/document.js';
import { systemClock, type Clock } from '../../clock.js';
import type { CommittedWorkflow, Once, Outcome, Patch } from '../../commit.js';
import { aboutPatch, resultOf } from '../../edit-result.js';
import type { EngineObserver, EngineOptions } from '../../engine.js';
import { asPart, IdempotencyMismatchError, StoreUnavailableError, VersionConflictError } from '../../errors.js';
import { demand } from '../../expectation.js';
import { tenantKey } from '../../tenant-key.js';
import type { WorkflowRecord } from '../../records/workflow-meta.js';
import type { WorkflowIndex } from '../../workflow-index.js';
import { entriesOf, plannedTtl, type Plan } from './commit-plan.js';
import { isRefusal, jitter, refusalOf, type Committer } from './committer.js';

const MOST_EDITS = 64;
/** Of all versions of a batch together; a batch travels in one command. */
const MOST_CHARACTERS = 4 * 1024 * 1024;
const PATIENCE_MS = 15_000;

export interface QueuedEdit {
  readonly once: Once;
  readonly patch: Patch;
}

interface Waiting extends QueuedEdit {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** A workflow as it was last seen, and its state taken apart. `isCertain`: read after the batch began, so what an edit says of it holds. */
interface Base {
  readonly record: WorkflowRecord;
  readonly document: JsonNode;
  readonly isCertain: boolean;
}

/** A batch worked out on a base: who gets which version, and who is refused if the base turns out to be current. */
interface Attempt {
  readonly landed: readonly {
    readonly edit: Waiting;
    readonly state: string;
    readonly about: string;
    readonly index: readonly string[];
  }[];
  /** `behind` are the versions of this batch that it would have followed. */
  readonly refused: readonly { readonly edit: Waiting; readonly error: unknown; readonly behind: number }[];
  readonly left: readonly Waiting[];
  readonly document: JsonNode;
}

export interface EditQueueParts {
  readonly committer: Committer;
  readonly find: (tenant: string, id: string) => Promise<WorkflowRecord | undefined>;
  readonly findOutcome: (tenant: string, once: Once) => Promise<Outcome | undefined>;
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  readonly observer: EngineObserver;
  readonly clock?: Clock;
}

/**
 * Edits of one workflow go out together: while a commit is under way, others gather, and the next commit writes a version for each
 * of them. So the writers of a replica never compete with each other, and between replicas a round is lost at most to a round that won.
 */
export class EditQueue {
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(private readonly parts: EditQueueParts) {}

  run(tenant: string, edit: QueuedEdit): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const key = tenantKey(tenant, edit.patch.id);
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined) {
        waiting.push({ ...edit, resolve, reject });
      } else {
        this.#waiting.set(key, [{ ...edit, resolve, reject }]);
        void this.#drain(tenant, key);
      }
    });
  }

  async #drain(tenant: string, key: string): Promise<void> {
    const queue = this.#waiting.get(key) as Waiting[];
    let base: Base | undefined;
    while (queue.length > 0) {
      const batch = queue.splice(0, MOST_EDITS);
      try {
        base = await this.#land(tenant, batch, base, queue);
      } catch (error) {
        base = undefined;
        for (const { reject } of batch) reject(error);
      }
    }
    this.#waiting.delete(key);
  }

  /** Brings a batch to its end, each edit to its own. Returns what the workflow is then, as a guess for the next batch. */
  async #land(
    tenant: string,
    batch: readonly Waiting[],
    guess: Base | undefined,
    queue: Waiting[],
  ): Promise<Base | undefined> {
    const { committer, observer } = this.parts;
    const id = (batch[0] as Waiting).patch.id;
    const until = performance.now() + PATIENCE_MS;
    let edits = batch;
    let base = guess ?? (await this.#read(tenant, id));
    for (let round = 0; performance.now() < until; round++) {
      if (base === undefined) {
        for (const edit of edits) await this.#refuse(tenant, edit, missing(edit));
        return undefined;
      }
      const attempt = this.#workOut(edits, base);
      if (attempt.landed.length === 0) {
        // Refused on a guess is not refused yet.
        if (!base.isCertain) {
          base = await this.#read(tenant, id);
          continue;
        }
        for (const { edit, error } of attempt.refused) await this.#refuse(tenant, edit, error);
        queue.unshift(...attempt.left);
        return base;
      }
      const verdict = await committer.send(tenant, planOf(attempt, base.record));
      switch (verdict.is) {
        case 'done': {
          await this.#answer(tenant, attempt, verdict.workflows);
          queue.unshift(...attempt.left);
          const record = {
            ...(verdict.workflows.at(-1) as CommittedWorkflow),
            state: attempt.landed.at(-1)?.state ?? '',
          };
          return { record, document: attempt.document, isCertain: false };
        }
        case 'replayed':
          (attempt.landed[0] as { edit: Waiting }).edit.resolve(verdict.outcome);
          edits = edits.filter((edit) => edit !== attempt.landed[0]?.edit);
          break;
        case 'mismatch':
          // Asked only of a batch of one; the others are nobody's mistake.
          (attempt.landed[0] as { edit: Waiting }).edit.reject(new IdempotencyMismatchError());
          edits = edits.filter((edit) => edit !== attempt.landed[0]?.edit);
          break;
        case 'known': {
          const known = new Set(verdict.places.map((place) => attempt.landed[place]?.edit));
          for (const edit of known) if (edit !== undefined) await this.#replay(tenant, edit);
          edits = edits.filter((edit) => !known.has(edit));
          break;
        }
        case 'conflict':
          observer.retried('conflict');
          base = verdict.current && baseOf({ ...verdict.current, id });
          await jitter(round);
          break;
        default:
          throw isRefusal(verdict)
            ? refusalOf(verdict, { workflow: id, task: '', mostOpen: 0 })
            : new StoreUnavailableError();
      }
      if (edits.length === 0) return undefined;
    }
    throw new StoreUnavailableError({ cause: new Error('too many other writers were faster') });
  }

  async #read(tenant: string, id: string): Promise<Base | undefined> {
    const record = await this.parts.find(tenant, id);
    return record && baseOf(record);
  }

  /** Runs the edits in their order, each on what the one before it left. Nothing outside changes. */
  #workOut(edits: readonly Waiting[], base: Base): Attempt {
    const { options, index, clock = systemClock } = this.parts;
    const at = new Date(clock());
    const landed: Attempt['landed'][number][] = [];
    const refused: Attempt['refused'][number][] = [];
    let document = base.document;
    let characters = 0;
    let taken = 0;
    const keys = new Set<string>();
    for (const edit of edits) {
      // The same commit twice: the second one waits for a later batch, where it is known.
      if (characters > MOST_CHARACTERS || keys.has(edit.once.key)) break;
      keys.add(edit.once.key);
      taken++;
      const { expect, edit: change, id } = edit.patch;
      try {
        const version = base.record.version + landed.length;
        demand('patches', 0, { id, ...(expect && { expect }) }, { ...base.record, version });
        const { edited, result } = asPart('patches', 0, () => {
          const made = change.apply(document, at);
          return { edited: made, result: resultOf(made.document, index, options.maxStateBytes) };
        });
        const about = aboutPatch(edit.patch, edited.changed);
        landed.push({ edit, state: result.state, about: JSON.stringify(about), index: entriesOf(result.index) });
        document = edited.document;
        characters += result.state.length;
      } catch (error) {
        refused.push({ edit, error, behind: landed.length });
      }
    }
    return { landed, refused, left: edits.slice(taken), document };
  }

  async #answer(tenant: string, { landed, refused }: Attempt, workflows: readonly CommittedWorkflow[]): Promise<void> {
    landed.forEach(({ edit, state }, i) => {
      const { memo } = edit.once;
      const workflow = { ...(workflows[i] as CommittedWorkflow), state };
      edit.resolve({ replayed: false, workflows: [workflow], ...(memo !== undefined && { memo }) });
    });
    for (const { edit, error, behind } of refused) {
      const before = workflows[behind - 1];
      const isStale = error instanceof VersionConflictError && before !== undefined;
      await this.#refuse(
        tenant,
        edit,
        isStale ? new VersionConflictError({ part: 'patches', index: 0 }, before.id, before) : error,
      );
    }
  }

  /** Unless it has landed before: then what it found that time counts, and not what it finds now. */
  async #refuse(tenant: string, edit: Waiting, error: unknown): Promise<void> {
    try {
      const outcome = await this.parts.findOutcome(tenant, edit.once);
      if (outcome === undefined) edit.reject(error);
      else edit.resolve(outcome);
    } catch (failure) {
      edit.reject(failure);
    }
  }

  async #replay(tenant: string, edit: Waiting): Promise<void> {
    try {
      const outcome = await this.parts.findOutcome(tenant, edit.once);
      if (outcome === undefined) throw new StoreUnavailableError();
      edit.resolve(outcome);
    } catch (error) {
      edit.reject(error);
    }
  }
}

function baseOf(record: WorkflowRecord): Base {
  return { record, document: parseDocument(record.state), isCertain: true };
}

function missing({ patch: { id, expect } }: Waiting): unknown {
  try {
    demand('patches', 0, { id, ...(expect && { expect }) }, undefined);
  } catch (error) {
    return error;
  }
  return new StoreUnavailableError();
}

/** One put of several versions, on exactly the base. */
function planOf({ landed }: Attempt, base: WorkflowRecord): Plan {
  return {
    once: landed.map(({ edit: { once } }, i) => ({ ...once, first: i + 1, last: i + 1 })),
    puts: [
      {
        part: 'patches',
        at: 0,
        id: base.id,
        expect: { etags: [`"${base.incarnation}-${base.version}"`] },
        mustExist: false,
        inc: base.incarnation,
        index: landed.at(-1)?.index ?? [],
        ttls: landed.map(({ edit }) => plannedTtl(edit.patch.ttl)),
        abouts: landed.map(({ about }) => about),
        states: landed.map(({ state }) => state),
      },
    ],
    deletes: [],
    touches: [],
    wantState: true,
  };
}
