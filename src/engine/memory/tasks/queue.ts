import type { TaskOptions } from '../../engine.js';
import { QUEUE_RATES, QUEUE_TOTALS, type QueueRate, type QueueTotal } from '../../records/queue-fields.js';
import { perMinute } from '../../task-queues.js';
import { isOpen, type TaskStatus } from '../../task.js';
import { SortedSet } from '../sorted-set.js';
import { bytesIn, type TaskEntry } from './task-entry.js';
import { MINUTE_MS, WORKER_SHOWN_MS } from '../../limits.js';

/** Tasks of one queue by status, each sorted by place or time. */
export class Queue {
  readonly ready = new SortedSet();
  readonly delayed = new SortedSet();
  readonly leased = new SortedSet();
  readonly dead = new SortedSet();
  /** Ready and delayed tasks with `isTimed`, by `expiresAtMs`. */
  readonly expiring = new SortedSet();
  /** Bytes of the open tasks. */
  bytes = 0;
  deadBytes = 0;
  isPaused = false;
  /** Time of the last claim or change. Undefined after a restart, until the first sweep. */
  seenAtMs: number | undefined;
  /** Time of the next sweep; set by its collection. Undefined outside of one. */
  sweepAtMs: number | undefined;
  /** Sequence of the last place given out. */
  sequence = 0;
  readonly totals = Object.fromEntries(QUEUE_TOTALS.map((name) => [name, 0])) as Record<QueueTotal, number>;
  readonly #minutes = { minute: 0, current: new Map<QueueTotal, number>(), before: new Map<QueueTotal, number>() };
  readonly #workers = new Map<string, number>();

  get open(): number {
    return this.ready.size + this.delayed.size + this.leased.size;
  }

  get isEmpty(): boolean {
    return this.open + this.dead.size === 0;
  }

  /** The last dead task stays, whatever its size. */
  hasTooManyDead({ maxDead, maxBytes }: TaskOptions): boolean {
    return this.dead.size > maxDead || (this.dead.size > 1 && this.deadBytes > maxBytes);
  }

  move(id: string, old: TaskEntry | undefined, next: TaskEntry | undefined): void {
    for (const status of ['ready', 'delayed', 'leased', 'dead'] as const) {
      this[status].move(id, scoreIn(status, old), scoreIn(status, next));
    }
    this.expiring.move(id, expiryOf(old), expiryOf(next));
    this.#weigh(old, -1);
    this.#weigh(next, 1);
  }

  #weigh(entry: TaskEntry | undefined, sign: 1 | -1): void {
    if (entry === undefined) return;
    if (isOpen(entry.status)) this.bytes += sign * bytesIn(entry);
    else if (entry.status === 'dead') this.deadBytes += sign * bytesIn(entry);
  }

  count(total: QueueTotal, now: number): void {
    this.totals[total]++;
    this.seenAtMs = now;
    this.#startMinute(now);
    const { current } = this.#minutes;
    current.set(total, (current.get(total) ?? 0) + 1);
  }

  rates(now: number): Record<QueueRate, number> {
    this.#startMinute(now);
    const { current, before } = this.#minutes;
    const rates = QUEUE_RATES.map((name) => [name, perMinute(before.get(name) ?? 0, current.get(name) ?? 0, now)]);
    return Object.fromEntries(rates) as Record<QueueRate, number>;
  }

  #startMinute(now: number): void {
    const minutes = this.#minutes;
    const minute = Math.floor(now / MINUTE_MS);
    if (minute <= minutes.minute) return;
    minutes.before = minute === minutes.minute + 1 ? minutes.current : new Map();
    minutes.current = new Map();
    minutes.minute = minute;
  }

  noteWorker(worker: string, now: number): void {
    this.seenAtMs = now;
    this.#workers.delete(worker);
    this.#workers.set(worker, now);
    for (const [name, seen] of this.#workers) {
      if (seen > now - WORKER_SHOWN_MS) break;
      this.#workers.delete(name);
    }
  }

  workers(now: number): [name: string, seenAtMs: number][] {
    return [...this.#workers].filter(([, seen]) => seen > now - WORKER_SHOWN_MS);
  }
}

function scoreIn(status: TaskStatus, entry: TaskEntry | undefined): number | undefined {
  if (entry?.status !== status) return undefined;
  switch (status) {
    case 'ready':
      return entry.place;
    case 'delayed':
      return entry.dueAtMs ?? undefined;
    case 'leased':
      return entry.leaseEndsAtMs ?? undefined;
    default:
      return entry.endedAtMs ?? undefined;
  }
}

function expiryOf(entry: TaskEntry | undefined): number | undefined {
  if (entry === undefined || !entry.isTimed) return undefined;
  return entry.status === 'ready' || entry.status === 'delayed' ? entry.expiresAtMs : undefined;
}
