import type { DetachedObserver } from './detached/detached-observer.js';
import type { EngineObserver } from './engine.js';
import type { BreakerState } from './redis/connection/circuit-breaker.js';

/** Metrics of the engine, the detached mode and the circuit breaker. Also the injection token. */
export abstract class StoreObserver implements EngineObserver, DetachedObserver {
  abstract readonly command: EngineObserver['command'];
  abstract readonly written: EngineObserver['written'];
  abstract readonly read: EngineObserver['read'];
  abstract readonly expired: EngineObserver['expired'];
  abstract readonly conflict: EngineObserver['conflict'];
  abstract readonly retried: EngineObserver['retried'];
  abstract readonly clocks: EngineObserver['clocks'];
  abstract readonly timeAhead: EngineObserver['timeAhead'];
  abstract readonly mode: DetachedObserver['mode'];
  abstract readonly waiting: DetachedObserver['waiting'];
  abstract readonly drained: DetachedObserver['drained'];
  abstract readonly heldBack: DetachedObserver['heldBack'];
  abstract readonly left: DetachedObserver['left'];
  /** The timer of an answer of Redis was due: the event loop was held, or the connection is lost. */
  abstract readonly timeout: (as: 'late' | 'lost') => void;
  /** `state`: what a breaker has become. `all`: the breaker of each server. */
  abstract readonly breaker: (state: BreakerState, all: ReadonlyMap<string, BreakerState>) => void;
}
