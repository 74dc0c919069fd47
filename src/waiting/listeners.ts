import { Injectable } from '@nestjs/common';
import type { Gauge } from 'prom-client';
import { Config } from '../config/config.js';
import { Metrics } from '../metrics/metrics.js';
import { ServiceError } from '../service-error.js';

/** 'wait' is a request that waits for a change, 'task' the event stream of a task. */
export type ListenerKind = 'sse' | 'poll' | 'websocket' | 'task' | 'wait';

/** The limit of listeners per replica is reached. */
export class TooManyListenersError extends ServiceError {
  readonly code = 'TOO_MANY_LISTENERS';
  override readonly retryAfterSeconds = 2;
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(limit: number) {
    super(
      `This replica already serves ${limit} clients that wait for changes, its limit; retry, or use another replica`,
    );
    this.extensions = { limit };
  }
}

/** Counts the clients of this replica that wait for changes: each takes memory until it leaves. */
@Injectable()
export class Listeners {
  readonly now: Record<ListenerKind, number> = { sse: 0, poll: 0, websocket: 0, task: 0, wait: 0 };
  #all = 0;
  readonly #gauge: Gauge<'kind'>;

  constructor(
    private readonly config: Config,
    metrics: Metrics,
  ) {
    this.#gauge = metrics.gauge('waymark_feed_clients', 'Clients that wait for changes', ['kind']);
  }

  /** Counts a client; returns a function that ends the count. @throws TooManyListenersError */
  enter(kind: ListenerKind): () => void {
    const { maxListeners } = this.config.feed;
    if (this.#all >= maxListeners) throw new TooManyListenersError(maxListeners);
    this.#count(kind, 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#count(kind, -1);
    };
  }

  /** Bytes that may be buffered for one client: its equal share of what all may take, and at most FEED_BUFFER_BYTES. */
  get bufferBytes(): number {
    const { bufferBytes, totalBufferBytes } = this.config.feed;
    return Math.min(bufferBytes, Math.floor(totalBufferBytes / Math.max(1, this.#all)));
  }

  #count(kind: ListenerKind, change: 1 | -1): void {
    this.#all += change;
    this.now[kind] += change;
    this.#gauge.labels(kind).set(this.now[kind]);
  }
}
