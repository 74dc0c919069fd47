import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { DrainedAs, Mode } from '../engine/detached/detached-observer.js';
import type { BreakerState } from '../engine/redis/connection/circuit-breaker.js';
import { worstOf } from '../engine/redis/connection/server-breakers.js';
import type { StoreObserver } from '../engine/store-observer.js';
import { VERSION } from '../version.js';
import { Tallies, Tally, Timings, type Timing } from './timings.js';

const MODES = ['attached', 'suspect', 'detached', 'recovering'] as const;
const BREAKER_STATES = ['closed', 'open', 'half-open'] as const satisfies readonly BreakerState[];

/** Metrics of one app. Its own registry, since tests run several apps in one process. */
@Injectable()
export class Metrics implements StoreObserver {
  readonly registry = new Registry();
  readonly #requests = new Timings('waymark_http_request_duration_seconds', 'Requests by route', [
    'method',
    'route',
    'status',
  ]);
  readonly #commands = new Timings('waymark_engine_command_duration_seconds', 'Calls of the engine', [
    'command',
    'outcome',
  ]);
  readonly #written = new Tally('waymark_workflows_written_total', 'Versions written and workflows deleted');
  readonly #read = new Tally('waymark_workflows_read_total', 'Workflows read');
  readonly #expired = new Tally('waymark_workflows_expired_total', 'Workflows expired');
  readonly #conflicts = new Tally(
    'waymark_commit_conflicts_total',
    'Commits refused because an expectation did not hold',
  );
  readonly #tallies: Tallies[] = [];
  readonly #breaker = this.gauge(
    'waymark_circuit_breaker_state',
    'State of the circuit breaker around Redis: 1 for the current state',
    ['state'],
  );
  readonly #breakerChanges = this.counter(
    'waymark_circuit_breaker_transitions_total',
    'Changes of the circuit breaker, by new state',
    ['state'],
  );
  readonly #modes = this.gauge('waymark_store_mode', 'Mode of this replica: 1 for the current mode', ['mode']);
  readonly #mastersAway = this.gauge(
    'waymark_master_away',
    'Masters of a Cluster: 1 while this replica serves their tenants without them',
    ['master'],
  );
  readonly #mastersRefused = this.gauge(
    'waymark_master_circuit_breaker_open',
    'Masters of a Cluster: 1 while the circuit breaker lets no command through',
    ['master'],
  );
  readonly #detachedSeconds = this.counter(
    'waymark_detached_seconds_total',
    'Seconds in which this replica served without Redis',
  );
  readonly #waitingEntries = this.gauge(
    'waymark_detached_entries',
    'Acknowledged commits that Redis does not have yet',
  );
  readonly #waitingBytes = this.gauge(
    'waymark_detached_bytes',
    'Approximate bytes of the acknowledged commits that Redis does not have yet',
  );
  readonly #heldBack = this.gauge(
    'waymark_detached_held_back_entries',
    'Acknowledged commits that Redis refuses, or that wait behind such a commit of their workflow',
  );
  readonly #leftJournals = this.gauge(
    'waymark_detached_left_journals',
    'Journals in the data directory of replicas that have ended, with acknowledged commits that Redis does not have',
  );
  readonly #leftEntries = this.gauge(
    'waymark_detached_left_entries',
    'Acknowledged commits in the journals of replicas that have ended',
  );
  readonly #drained = this.counter('waymark_detached_drained_total', 'Drained commits, by result', ['as']);
  readonly #timeouts = this.counter(
    'waymark_redis_timeouts_total',
    'Timers of answers of Redis that were due. late: the event loop was held, and the connection stayed; lost: it was given up',
    ['as'],
  );
  readonly #clocks = this.gauge(
    'waymark_redis_clock_ahead_seconds',
    'Clock of each server of Redis against that of this replica; negative: behind',
    ['server', 'role'],
  );
  readonly #timeAhead = this.gauge(
    'waymark_redis_time_ahead_seconds',
    'How far leases and deadlines are ahead of the clock of Redis, which was set back or is that of another server',
  );
  #detachedSince: number | undefined;
  readonly #retries = this.counter('waymark_commit_retries_total', 'Commits sent again', ['reason']);
  /** By method, route and class of status. Nested maps, since joining a key costs more than two look-ups. */
  readonly #requestTimings = new Map<string, Map<string, Timing[]>>();
  readonly #commandTimings = new Map<string, Record<'ok' | 'refused' | 'failed', Timing>>();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.gauge('waymark_build_info', 'Version of the service', ['version']).labels(VERSION).set(1);
  }

  async text(): Promise<string> {
    this.#countDetachedSeconds();
    const own = [this.#requests, this.#commands, this.#written, this.#read, this.#expired, this.#conflicts];
    const all = [...own, ...this.#tallies];
    return all.map((one) => one.text()).join('') + (await this.registry.metrics());
  }

  /** `route` is the pattern, not the path: the number of labels must stay small. */
  request(method: string, route: string, status: number, seconds: number): void {
    let routes = this.#requestTimings.get(method);
    if (routes === undefined) this.#requestTimings.set(method, (routes = new Map()));
    let classes = routes.get(route);
    if (classes === undefined) {
      classes = [1, 2, 3, 4, 5].map((hundreds) => this.#requests.of(method, route, `${hundreds}xx`));
      routes.set(route, classes);
    }
    classes[Math.floor(status / 100) - 1]?.observe(seconds);
  }

  command(name: string, seconds: number, outcome: 'ok' | 'refused' | 'failed'): void {
    let outcomes = this.#commandTimings.get(name);
    if (outcomes === undefined) {
      const of = (which: string) => this.#commands.of(name, which);
      outcomes = { ok: of('ok'), refused: of('refused'), failed: of('failed') };
      this.#commandTimings.set(name, outcomes);
    }
    outcomes[outcome].observe(seconds);
  }

  written(count: number): void {
    this.#written.add(count);
  }

  read(count: number): void {
    this.#read.add(count);
  }

  expired(count: number): void {
    this.#expired.add(count);
  }

  conflict(): void {
    this.#conflicts.add(1);
  }

  retried(why: 'lost-answer' | 'conflict'): void {
    this.#retries.labels(why).inc();
  }

  clocks(all: readonly { readonly address: string; readonly role: string; readonly aheadMs: number }[]): void {
    this.#clocks.reset();
    for (const { address, role, aheadMs } of all) this.#clocks.labels(address, role).set(aheadMs / 1000);
  }

  timeAhead(ms: number): void {
    this.#timeAhead.set(ms / 1000);
  }

  mode(mode: Mode, all: ReadonlyMap<string, Mode>): void {
    this.#countDetachedSeconds();
    setByMaster(this.#mastersAway, all, (one) => one !== 'attached');
    this.#detachedSince = mode === 'attached' ? undefined : performance.now();
    for (const one of MODES) this.#modes.labels(one).set(one === mode ? 1 : 0);
  }

  waiting(entries: number, bytes: number): void {
    this.#waitingEntries.set(entries);
    this.#waitingBytes.set(bytes);
  }

  heldBack(entries: number): void {
    this.#heldBack.set(entries);
  }

  left(journals: number, entries: number): void {
    this.#leftJournals.set(journals);
    this.#leftEntries.set(entries);
  }

  drained(as: DrainedAs): void {
    this.#drained.labels(as).inc();
  }

  #countDetachedSeconds(): void {
    if (this.#detachedSince === undefined) return;
    const now = performance.now();
    this.#detachedSeconds.inc((now - this.#detachedSince) / 1000);
    this.#detachedSince = now;
  }

  timeout(as: 'late' | 'lost'): void {
    this.#timeouts.labels(as).inc();
  }

  breaker(state: BreakerState, all: ReadonlyMap<string, BreakerState>): void {
    const worst = worstOf(all.values());
    for (const one of BREAKER_STATES) this.#breaker.labels(one).set(one === worst ? 1 : 0);
    this.#breakerChanges.labels(state).inc();
    setByMaster(this.#mastersRefused, all, (one) => one === 'open');
  }

  /** Counter for the hot path. */
  tallies(name: string, help: string, labelNames: readonly string[]): Tallies {
    const tallies = new Tallies(name, help, labelNames);
    this.#tallies.push(tallies);
    return tallies;
  }

  gauge<T extends string>(name: string, help: string, labelNames: readonly T[] = []): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  counter<T extends string>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}

/** A single server has no name, and is told by other metrics. */
function setByMaster<S>(gauge: Gauge<'master'>, all: ReadonlyMap<string, S>, isTrue: (state: S) => boolean): void {
  gauge.reset();
  for (const [master, state] of all) if (master !== '') gauge.labels(master).set(isTrue(state) ? 1 : 0);
}
