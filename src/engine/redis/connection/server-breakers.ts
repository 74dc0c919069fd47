import { CircuitBreaker, type BreakerOptions, type BreakerState } from './circuit-breaker.js';

const BY_TROUBLE = ['open', 'half-open', 'closed'] as const satisfies readonly BreakerState[];

type Listener = (server: string, state: BreakerState, before: BreakerState) => void;

/** One circuit breaker for each server, so that the trouble of one does not stop calls of the others. */
export class ServerBreakers {
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #listeners: Listener[] = [];

  constructor(private readonly options: BreakerOptions) {}

  of(server: string): CircuitBreaker {
    let breaker = this.#breakers.get(server);
    if (breaker === undefined) {
      breaker = new CircuitBreaker(this.options);
      breaker.onChange((state, before) => {
        for (const listener of this.#listeners) listener(server, state, before);
      });
      this.#breakers.set(server, breaker);
    }
    return breaker;
  }

  /** Drops the breaker of a server that holds no keys any more. */
  forget(server: string): void {
    const before = this.#breakers.get(server)?.state ?? 'closed';
    this.#breakers.delete(server);
    if (before !== 'closed') for (const listener of this.#listeners) listener(server, 'closed', before);
  }

  get states(): ReadonlyMap<string, BreakerState> {
    return new Map([...this.#breakers].map(([server, { state }]) => [server, state]));
  }

  /** State of the server with the most trouble. */
  get state(): BreakerState {
    return worstOf(this.states.values());
  }

  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }
}

export function worstOf(states: Iterable<BreakerState>): BreakerState {
  const all = new Set(states);
  return BY_TROUBLE.find((state) => all.has(state)) ?? 'closed';
}
