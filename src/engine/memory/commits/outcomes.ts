import {
  committedWorkflow,
  type CommittedWorkflow,
  MIN_RETRY_WINDOW_MS,
  type Once,
  type Outcome,
} from '../../commit.js';
import type { Kept, Lent } from '../../kept.js';
import type { TaskRecord } from '../../task.js';
import { IdempotencyMismatchError } from '../../errors.js';
import { SortedSet } from '../sorted-set.js';

/** An outcome under its once key. */
export interface KeptOutcome {
  readonly fingerprint: string;
  readonly untilMs: number;
  /**
   * True if the outcome is journaled. Outcomes for the service's own retries are not, since those end with the process.
   */
  readonly isLasting: boolean;
  readonly outcome: Kept;
}

/** A lasting outcome, as JSON: a day of objects would take several times the memory. */
type Packed = Omit<KeptOutcome, 'outcome'> & { readonly json: string };

export class Outcomes {
  readonly #kept = new Map<string, KeptOutcome | Packed>();
  /** Keys by the end of their retention. */
  readonly byEnd = new SortedSet();

  /** @throws IdempotencyMismatchError */
  find(key: string, fingerprint: string, now: number): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.untilMs <= now) return undefined;
    if (kept.fingerprint !== fingerprint) throw new IdempotencyMismatchError();
    return outcomeOf(kept);
  }

  /** Outcome of the commit with this key or, failing that, with this alias. */
  findOnce({ key, fingerprint, alias }: Once, now: number): Kept | undefined {
    const found = this.find(key, fingerprint, now);
    if (found !== undefined || alias === undefined) return found;
    const kept = this.#kept.get(alias);
    return kept === undefined || kept.untilMs <= now ? undefined : outcomeOf(kept);
  }

  keys(): string[] {
    return [...this.#kept.keys()];
  }

  get(key: string): KeptOutcome | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || 'outcome' in kept) return kept;
    const { fingerprint, untilMs, isLasting } = kept;
    return { fingerprint, untilMs, isLasting, outcome: outcomeOf(kept) };
  }

  /** Undefined removes the outcome. */
  set(key: string, next: KeptOutcome | undefined): void {
    this.byEnd.move(key, this.#kept.get(key)?.untilMs, next?.untilMs);
    if (next === undefined) this.#kept.delete(key);
    else this.#kept.set(key, next.isLasting ? packed(next) : next);
  }
}

function packed({ fingerprint, untilMs, isLasting, outcome }: KeptOutcome): Packed {
  return { fingerprint, untilMs, isLasting, json: JSON.stringify(outcome) };
}

function outcomeOf(kept: KeptOutcome | Packed): Kept {
  return 'outcome' in kept ? kept.outcome : (JSON.parse(kept.json) as Kept);
}

/** An outcome as it is kept: without the states that patches made, which would fill the store in a day. */
export function keptOutcome(
  { fingerprint, keepMs = MIN_RETRY_WINDOW_MS, isLease }: Once,
  outcome: Kept,
  now: number,
  isLasting = isLease === true || keepMs > MIN_RETRY_WINDOW_MS,
): KeptOutcome {
  const untilMs = now + keepMs;
  if (outcome.is !== 'commit') return { fingerprint, untilMs, isLasting, outcome };
  const workflows = withoutStates(outcome.workflows);
  return { fingerprint, untilMs, isLasting, outcome: { ...outcome, workflows } };
}

function withoutStates(workflows: readonly CommittedWorkflow[]): readonly CommittedWorkflow[] {
  if (workflows.every(({ state }) => state === undefined)) return workflows;
  return workflows.map((workflow) => committedWorkflow(workflow, workflow.created));
}

/** Outcome of a repeated commit; empty for a key of another call. */
export function replayOf(kept: Kept): Outcome {
  if (kept.is !== 'commit') return { replayed: true, workflows: [] };
  const { is: _is, ...outcome } = kept;
  return { ...outcome, replayed: true };
}

/** Form in early journals: a claim, a step or dead tasks as JSON in `memo`, recognised by its shape. */
export type UntypedKept = Omit<Outcome, 'replayed'>;

/** An outcome of a journal. One of an early version has the states that patches made. */
export function typedKept(stored: Kept | UntypedKept): Kept {
  const kept = 'is' in stored ? stored : typed(stored);
  return kept.is === 'commit' ? { ...kept, workflows: withoutStates(kept.workflows) } : kept;
}

function typed(stored: UntypedKept): Kept {
  const { workflows, tasks, eventIds, next, memo } = stored;
  const hasParts = workflows.length > 0 || tasks !== undefined || eventIds !== undefined || next !== undefined;
  return (hasParts || memo === undefined ? undefined : keptOfMemo(memo)) ?? { is: 'commit', ...stored };
}

function keptOfMemo(memo: string): Kept | undefined {
  let value: unknown;
  try {
    value = JSON.parse(memo);
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) return { is: 'claim', lent: value as Lent[] };
  const { task, eventId, ids } = (value ?? {}) as { task?: TaskRecord; eventId?: string; ids?: string[] };
  if (typeof task === 'object') return { is: 'step', task, ...(eventId !== undefined && { eventId }) };
  return Array.isArray(ids) ? { is: 'dead', ids } : undefined;
}
