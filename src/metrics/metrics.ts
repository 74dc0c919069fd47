import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineObserver } from '../engine/engine.js';
import { VERSION } from '../version.js';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Timed {
  observe(seconds: number): void;
}

/** What the service counts. A registry of its own, so that two apps in one process do not meet in a global one. */
@Injectable()
export class Metrics implements EngineObserver {
  readonly registry = new Registry();
  readonly #requests = this.#histogram('waymark_http_request_duration_seconds', 'Requests by route', [
    'method',
    'route',
    'status',
  ]);
  readonly #commands = this.#histogram('waymark_engine_command_duration_seconds', 'Calls of the engine', [
    'command',
    'outcome',
  ]);
  readonly #written = this.#counter('waymark_workflows_written_total', 'Versions written and workflows deleted');
  readonly #read = this.#counter('waymark_workflows_read_total', 'Workflows read');
  readonly #expired = this.#counter('waymark_workflows_expired_total', 'Workflows whose time was over');
  readonly #conflicts = this.#counter(
    'waymark_commit_conflicts_total',
    'Commits refused because an expectation did not hold',
  );
  readonly #retries = this.#counter('waymark_commit_retries_total', 'Commits sent again', ['reason']);
  // Looking a child up by its labels costs more than observing; there are few of them, so each is looked up once.
  readonly #requestTimers = new Map<string, Timed>();
  readonly #commandTimers = new Map<string, Timed>();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'waymark_build_info',
      help: 'Version of the service',
      labelNames: ['version'],
      registers: [this.registry],
    })
      .labels(VERSION)
      .set(1);
  }

  /** `route` is the pattern, never the path: labels must stay few. */
  request(method: string, route: string, status: number, seconds: number): void {
    const statusClass = `${Math.floor(status / 100)}xx`;
    const key = `${method} ${route} ${statusClass}`;
    let timer = this.#requestTimers.get(key);
    if (timer === undefined) this.#requestTimers.set(key, (timer = this.#requests.labels(method, route, statusClass)));
    timer.observe(seconds);
  }

  command(name: string, seconds: number, outcome: 'ok' | 'refused' | 'failed'): void {
    const key = `${name} ${outcome}`;
    let timer = this.#commandTimers.get(key);
    if (timer === undefined) this.#commandTimers.set(key, (timer = this.#commands.labels(name, outcome)));
    timer.observe(seconds);
  }

  written(count: number): void {
    this.#written.inc(count);
  }

  read(count: number): void {
    this.#read.inc(count);
  }

  expired(count: number): void {
    this.#expired.inc(count);
  }

  conflict(): void {
    this.#conflicts.inc();
  }

  retried(why: 'lost-answer' | 'conflict'): void {
    this.#retries.labels(why).inc();
  }

  #histogram(name: string, help: string, labelNames: string[]): Histogram {
    return new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [this.registry] });
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
