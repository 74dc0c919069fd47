/** Closed lets calls through; open lets none through; half-open lets them through and watches them. */
export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
  readonly isEnabled: boolean;
  /** Failures in a row that open it. */
  readonly failureThreshold: number;
  /** Successes in a row that close it again. */
  readonly successThreshold: number;
  /** Maximum time that the breaker stays open although the store answers pings. */
  readonly timeoutMs: number;
}

export const defaultBreaker: BreakerOptions = {
  isEnabled: true,
  failureThreshold: 5,
  successThreshold: 2,
  timeoutMs: 30_000,
};

const FIRST_PAUSE_MS = 1000;

/**
 * Fails calls at once while the store is unreachable. The breaker is open until a ping is answered, not for a fixed
 * time.
 * If the store answers pings but fails calls, the breaker pauses between attempts. The pauses grow up to `timeoutMs`.
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

  /** Rest of the current pause. Answered pings do not close the breaker during a pause. */
  get pausesForMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - this.clock()) : 0;
  }

  onChange(listener: (state: BreakerState, before: BreakerState) => void): void {
    this.#listeners.push(listener);
  }

  /** Reports an answered call; a refusal is an answer. */
  succeeded(): void {
    if (this.#state === 'half-open' && ++this.#successes >= this.options.successThreshold) {
      this.#pauseMs = 0;
      this.#become('closed');
    } else if (this.#state === 'closed') {
      this.#failures = 0;
    }
  }

  /** Reports a missing or lost connection. */
  failed(): void {
    if (!this.options.isEnabled || this.#state === 'open') return;
    if (this.#state === 'closed' && ++this.#failures < this.options.failureThreshold) return;
    // The store answers pings but not calls: pause for longer.
    if (this.#state === 'half-open') {
      this.#pauseMs = Math.min(this.#pauseMs === 0 ? FIRST_PAUSE_MS : 2 * this.#pauseMs, this.options.timeoutMs);
    }
    this.#openUntil = this.clock() + this.#pauseMs;
    this.#become('open');
  }

  /** Reports an answered ping. */
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
