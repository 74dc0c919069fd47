import { Injectable } from '@nestjs/common';
import type { Counter, Gauge } from 'prom-client';
import { Metrics } from '../metrics/metrics.js';
import type { FeedObserver } from './tenant-feed.js';

export type CutReason = 'slow' | 'silent' | 'too-many-messages' | 'refused';

/** Metrics of the feed on this replica. */
@Injectable()
export class FeedMetrics implements FeedObserver {
  /** Age of the last event when it was delivered. */
  lagMs = 0;
  readonly #read: Counter;
  readonly #delivered: Counter;
  readonly #cuts: Counter<'reason'>;
  readonly #lag: Gauge;

  constructor(metrics: Metrics) {
    const delivered = 'Live events delivered, counted once for each client';
    this.#read = metrics.counter('waymark_feed_events_read_total', 'Events read from the store');
    this.#delivered = metrics.counter('waymark_feed_events_delivered_total', delivered);
    this.#cuts = metrics.counter('waymark_feed_clients_cut_total', 'Clients cut off', ['reason']);
    this.#lag = metrics.gauge('waymark_feed_lag_seconds', 'Age of the last event when it was delivered');
  }

  delivered(read: number, delivered: number, lagMs: number): void {
    this.#read.inc(read);
    this.#delivered.inc(delivered);
    this.lagMs = lagMs;
    this.#lag.set(lagMs / 1000);
  }

  cut(reason: CutReason): void {
    this.#cuts.labels(reason).inc();
  }
}
