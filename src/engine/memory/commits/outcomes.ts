import { RETRY_WINDOW_MS, type Once, type Outcome } from '../../commit.js';
import { IdempotencyMismatchError } from '../../errors.js';
import { SortedSet } from '../sorted-set.js';
import { MAX_KEPT_STATE_BYTES } from '../../limits.js';

/** The outcome of a commit, kept under its once key. */
export interface KeptOutcome {
  readonly fingerprint: string;
  readonly untilMs: number;
  /** Journaled. Outcomes for the service's own retries are not: those retries end with the process. */
  readonly isLasting: boolean;
  readonly outcome: Omit<Outcome, 'replayed'>;
}

export class Outcomes {
  readonly #kept = new Map<string, KeptOutcome>();
  readonly #byEnd = new SortedSet();

  /** @throws IdempotencyMismatchError */
  find(key: string, fingerprint: string, now: number): Outcome | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.untilMs <= now) return undefined;
    if (kept.fingerprint !== fingerprint) throw new IdempotencyMismatchError();
    return { ...kept.outcome, replayed: true };
  }

  /** Outcome of the commit with this key or, failing that, with this alias. */
  findOnce({ key, fingerprint, alias }: Once, now: number): Outcome | undefined {
    const found = this.find(key, fingerprint, now);
    if (found !== undefined || alias === undefined) return found;
    const kept = this.#kept.get(alias);
    return kept === undefined || kept.untilMs <= now ? undefined : { ...kept.outcome, replayed: true };
  }

  keys(): string[] {
    return [...this.#kept.keys()];
  }

  get(key: string): KeptOutcome | undefined {
    return this.#kept.get(key);
  }

  /** Undefined removes the outcome. */
  set(key: string, next: KeptOutcome | undefined): void {
    const old = this.#kept.get(key);
    if (old !== undefined) this.#byEnd.delete(old.untilMs, key);
    if (next === undefined) {
      this.#kept.delete(key);
    } else {
      this.#kept.set(key, next);
      this.#byEnd.add(next.untilMs, key);
    }
  }

  /** Up to `limit` expired keys. */
  expired(now: number, limit: number): string[] {
    const keys: string[] = [];
    for (const { score, id } of this.#byEnd.ascending()) {
      if (score > now || keys.length === limit) break;
      keys.push(id);
    }
    return keys;
  }

  /** When the next outcome expires. */
  get nextExpiryMs(): number | undefined {
    return this.#byEnd.first?.score;
  }
}

/** An outcome as it is kept: states that patches produced only when the request asks for them, and only up to a limit. */
export function keptOutcome(
  { fingerprint, keepMs, keepStates, isLease }: Once,
  outcome: KeptOutcome['outcome'],
  now: number,
  isLasting = isLease === true || keepMs > RETRY_WINDOW_MS,
): KeptOutcome {
  const workflows = outcome.workflows.map(({ state, ...workflow }) => {
    const isKept = keepStates === true && state !== undefined && Buffer.byteLength(state) <= MAX_KEPT_STATE_BYTES;
    return isKept ? { ...workflow, state } : workflow;
  });
  return {
    fingerprint,
    untilMs: now + keepMs,
    isLasting,
    outcome: { ...outcome, workflows },
  };
}
