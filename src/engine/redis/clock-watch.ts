import type { EngineObserver } from '../engine.js';
import type { RedisConnections } from './connection/redis-connections.js';
import {
  clocksOf,
  greatestSkewMs,
  secondsOf,
  skewsIn,
  TOLERATED_SKEW_MS,
  type ServerClock,
} from './connection/server-clocks.js';

const INTERVAL_MS = 30_000;
const ANSWERS_IN_MS = 2000;

/** Compares the clocks of Redis with that of this process from time to time, for health and metrics. */
export class ClockWatch {
  #timer: NodeJS.Timeout | undefined;
  #clocks: readonly ServerClock[] = [];
  #timeAheadMs = 0;

  constructor(
    private readonly connections: RedisConnections,
    private readonly observer: EngineObserver,
  ) {}

  start(): void {
    const look = () => void this.#look().catch(() => undefined);
    this.#timer = setInterval(look, INTERVAL_MS).unref();
    look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Takes how far the time of the scripts is ahead of the clock of the server; see clock.lua. */
  sawTime(aheadMs: number): void {
    this.#timeAheadMs = aheadMs;
    this.observer.timeAhead(aheadMs);
  }

  warnings(): readonly string[] {
    const skews = skewsIn(this.#clocks);
    if (this.#timeAheadMs <= TOLERATED_SKEW_MS) return skews;
    const why = 'it was set back, or another server has taken over';
    return [...skews, `time goes on ${secondsOf(this.#timeAheadMs)} s ahead of the clock of Redis: ${why}`];
  }

  details() {
    return { clockSkewMs: greatestSkewMs(this.#clocks), timeAheadMs: this.#timeAheadMs };
  }

  /** While Redis is unreachable, the last clocks stay. */
  async #look(): Promise<void> {
    this.#clocks = await clocksOf(this.connections, ANSWERS_IN_MS);
    this.observer.clocks(this.#clocks);
  }
}
