import type { Once, Outcome } from '../commit.js';
import { IdempotencyMismatchError } from '../errors.js';
import { SortedSet } from './sorted-set.js';

/** What came of a commit, by its once key. */
export interface Kept {
  readonly fingerprint: string;
  readonly untilMs: number;
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

  get(key: string): Kept | undefined {
    return this.#kept.get(key);
  }

  replace(key: string, next: Kept | undefined): void {
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
    for (const { score } of this.#byEnd.ascending()) return score;
    return undefined;
  }
}

/** What is kept of an outcome: the states that patches produced only when the request asked for it. */
export function keptOutcome({ keepStates, memo }: Once, { workflows }: Outcome): Kept['outcome'] {
  const kept = keepStates === true ? workflows : workflows.map(({ state: _state, ...workflow }) => workflow);
  return memo === undefined ? { workflows: kept } : { workflows: kept, memo };
}
