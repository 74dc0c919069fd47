/** Closed lets calls through; open lets none through; half-open lets them through and watches them. */
export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
  readonly isEnabled: boolean;
  /** Failures in a row that open it. */
  readonly failureThreshold: number;
  /** Successes in a row that close it again. */
  readonly successThreshold: number;
  /** The longest time that it stays open although the store answers a PING. */
  readonly timeoutMs: number;
}

export const usualBreaker: BreakerOptions = {
  isEnabled: true,
  failureThreshold: 5,
  successThreshold: 2,
  timeoutMs: 30_000,
};

const FIRST_PAUSE_MS = 1000;

/**
 * Keeps calls away from a store that fails them, so that nobody waits for what will not come. Whether the store can be reached is
 * not guessed from the time that has passed but asked: it opens for as long as no PING is answered. Only one that fails calls
 * although it answers PINGs is left alone for longer and longer, up to the timeout.
 */
export class CircuitBreaker {
  readonly #listeners: ((state: BreakerState, before: BreakerState) => void)[] = [];
  #state: BreakerState = 'closed';
  #failures = 0;
  #successes = 0;
  #pauseMs = 0;
  #openUntil = 0;

  constructor(
    private readonly options: BreakerOptions,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  get state(): BreakerState {
    return this.#state;
  }

  /** How long a PING that is answered would still be too early. */
  get pausesForMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - this.clock()) : 0;
  }

  onChange(listener: (state: BreakerState, before: BreakerState) => void): void {
    this.#listeners.push(listener);
  }

  /** A call was answered, be it with a refusal. */
  succeeded(): void {
    if (this.#state === 'half-open' && ++this.#successes >= this.options.successThreshold) {
      this.#pauseMs = 0;
      this.#become('closed');
    } else if (this.#state === 'closed') {
      this.#failures = 0;
    }
  }

  /** There was no connection, or one was lost with what it had under way. */
  failed(): void {
    if (!this.options.isEnabled || this.#state === 'open') return;
    if (this.#state === 'closed' && ++this.#failures < this.options.failureThreshold) return;
    // Half-open, the PING had promised too much.
    if (this.#state === 'half-open') {
      this.#pauseMs = Math.min(this.#pauseMs === 0 ? FIRST_PAUSE_MS : 2 * this.#pauseMs, this.options.timeoutMs);
    }
    this.#openUntil = this.clock() + this.#pauseMs;
    this.#become('open');
  }

  /** The store has answered a PING. */
  answered(): void {
    if (this.#state === 'open' && this.pausesForMs === 0) this.#become('half-open');
  }

  #become(state: BreakerState): void {
    const before = this.#state;
    this.#state = state;
    this.#failures = 0;
    this.#successes = 0;
    for (const listener of this.#listeners) listener(state, before);
  }
}
