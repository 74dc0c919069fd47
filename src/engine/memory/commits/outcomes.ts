import { LARGEST_KEPT_STATE, RETRY_WINDOW_MS, type Once, type Outcome } from '../../commit.js';
import { IdempotencyMismatchError } from '../../errors.js';
import { SortedSet } from '../sorted-set.js';

/** What came of a commit, by its once key. */
export interface Kept {
  readonly fingerprint: string;
  readonly untilMs: number;
  /** Outlives a restart. What is kept for the service's own retries need not: they end with the process. */
  readonly isLasting: boolean;
  readonly outcome: Omit<Outcome, 'replayed'>;
}

export class Outcomes {
  readonly #kept = new Map<string, Kept>();
  readonly #byEnd = new SortedSet();

  /** @throws IdempotencyMismatchError */
  find(key: string, fingerprint: string, now: number): Outcome | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.untilMs <= now) return undefined;
    if (kept.fingerprint !== fingerprint) throw new IdempotencyMismatchError();
    return { ...kept.outcome, replayed: true };
  }

  /** What came of the commit that has this key, or had a part that is known by its alias. */
  findOnce({ key, fingerprint, alias }: Once, now: number): Outcome | undefined {
    const found = this.find(key, fingerprint, now);
    if (found !== undefined || alias === undefined) return found;
    const kept = this.#kept.get(alias);
    return kept === undefined || kept.untilMs <= now ? undefined : { ...kept.outcome, replayed: true };
  }

  keys(): string[] {
    return [...this.#kept.keys()];
  }

  get(key: string): Kept | undefined {
    return this.#kept.get(key);
  }

  /** Undefined removes. */
  set(key: string, next: Kept | undefined): void {
    const old = this.#kept.get(key);
    if (old !== undefined) this.#byEnd.delete(old.untilMs, key);
    if (next === undefined) {
      this.#kept.delete(key);
    } else {
      this.#kept.set(key, next);
      this.#byEnd.add(next.untilMs, key);
    }
  }

  /** Up to `most` keys whose time is over. */
  over(now: number, most: number): string[] {
    const keys: string[] = [];
    for (const { score, id } of this.#byEnd.ascending()) {
      if (score > now || keys.length === most) break;
      keys.push(id);
    }
    return keys;
  }

  /** When the next one's time is over. */
  get nextEndMs(): number | undefined {
    return this.#byEnd.first?.score;
  }
}

/** What is kept of an outcome: the states that patches produced only when the request asked for it. */
export function keep(
  { fingerprint, keepMs, keepStates, isLease }: Once,
  outcome: Kept['outcome'],
  now: number,
  isLasting = isLease === true || keepMs > RETRY_WINDOW_MS,
): Kept {
  const workflows = outcome.workflows.map(({ state, ...workflow }) => {
    const isKept = keepStates === true && state !== undefined && Buffer.byteLength(state) <= LARGEST_KEPT_STATE;
    return isKept ? { ...workflow, state } : workflow;
  });
  return {
    fingerprint,
    untilMs: now + keepMs,
    isLasting,
    outcome: { ...outcome, workflows },
  };
}
