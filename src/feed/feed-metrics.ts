import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Metrics } from '../metrics/metrics.js';
import type { FeedObserver } from './tenant-feed.js';

export type ClientKind = 'sse' | 'poll' | 'websocket';
export type CutReason = 'slow' | 'silent' | 'too-many-messages';

/** Metrics of the feed on this replica. */
@Injectable()
export class FeedMetrics implements FeedObserver {
  /** Current clients, for the health report. */
  readonly now: Record<ClientKind, number> = { sse: 0, poll: 0, websocket: 0 };
  #lagMs = 0;
  readonly #clients: Gauge;
  readonly #read: Counter;
  readonly #delivered: Counter;
  readonly #cuts: Counter;
  readonly #lag: Gauge;

  constructor({ registry }: Metrics) {
    const registers = [registry];
    this.#clients = new Gauge({
      name: 'waymark_feed_clients',
      help: 'Clients connected to the feed',
      labelNames: ['kind'],
      registers,
    });
    this.#read = new Counter({ name: 'waymark_feed_events_read_total', help: 'Events read from the store', registers });
    this.#delivered = new Counter({
      name: 'waymark_feed_events_delivered_total',
      help: 'Live events delivered, counted once for each client',
      registers,
    });
    this.#cuts = new Counter({
      name: 'waymark_feed_clients_cut_total',
      help: 'Clients cut off',
      labelNames: ['reason'],
      registers,
    });
    this.#lag = new Gauge({
      name: 'waymark_feed_lag_seconds',
      help: 'Age of the last event when it was delivered',
      registers,
    });
  }

  get lagMs(): number {
    return this.#lagMs;
  }

  clients(kind: ClientKind, change: 1 | -1): void {
    this.now[kind] += change;
    this.#clients.labels(kind).set(this.now[kind]);
  }

  delivered(read: number, delivered: number, lagMs: number): void {
    this.#read.inc(read);
    this.#delivered.inc(delivered);
    this.#lagMs = lagMs;
    this.#lag.set(lagMs / 1000);
  }

  cut(reason: CutReason): void {
    this.#cuts.labels(reason).inc();
  }
}
