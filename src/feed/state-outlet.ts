import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { withResolver } from '../waiting/wait-for-change.js';
import { Batch, sizeOf, type EventView } from './event-view.js';
import type { FeedLoss, Outlet } from './fan-out.js';

/** Events, and bytes of their states, that are read at once for one stream; a single state may have more bytes. */
const EVENTS_AT_ONCE = 50;
const BYTES_AT_ONCE = 256 * 1024;
const RETRY_MS = 500;

/** The stream behind a StateOutlet. */
export interface StateStream extends Pick<Outlet, 'deliver' | 'untilReady'> {
  reset(loss: FeedLoss, next: string): void;
  /** Cuts off a client that is too slow. */
  cut(): void;
}

/**
 * Adds states to the events of one stream. Events wait here without their states. States are read, and delivered one by
 * one, only as fast as the client reads.
 */
export class StateOutlet implements Outlet {
  live = 0;
  readonly #logger = new Logger('Feed');
  #waiting: EventView[] = [];
  #waitingBytes = 0;
  #isRunning = false;
  #idle = withResolver();

  constructor(
    private readonly stream: StateStream,
    /** The first of the events with their states, at least one. */
    private readonly statesOf: (views: readonly EventView[], maxBytes: number) => Promise<readonly EventView[]>,
    private readonly maxBytes: () => number,
  ) {}

  /** Nothing waits. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  deliver({ views }: Batch): void {
    // Checked before these events are added, so that one large batch does not make a client slow.
    if (this.#waitingBytes > this.maxBytes()) return this.stream.cut();
    for (const view of views) {
      this.#waiting.push(view);
      this.#waitingBytes += sizeOf(view);
    }
    void this.#run();
  }

  /** Events that wait are from before the loss, so they are dropped. */
  reset(loss: FeedLoss, next: string): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.stream.reset(loss, next);
  }

  async untilReady(): Promise<boolean> {
    if (this.#isRunning) await this.#idle.promise;
    return this.stream.untilReady();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#idle = withResolver();
    while (this.#waiting.length > 0 && (await this.stream.untilReady())) await this.#deliverSome();
    this.#isRunning = false;
    this.#idle.resolve();
  }

  async #deliverSome(): Promise<void> {
    const from = this.#waiting;
    let views: readonly EventView[];
    try {
      views = await this.statesOf(from.slice(0, EVENTS_AT_ONCE), BYTES_AT_ONCE);
    } catch (error) {
      // Store unreachable. The stream goes on when it is back.
      this.#logger.debug(`states could not be read: ${error instanceof Error ? error.message : String(error)}`);
      return sleep(RETRY_MS);
    }
    for (const view of views) {
      // False also after a reset while this event was read or waited.
      if (!(await this.stream.untilReady()) || this.#waiting !== from) return;
      this.#waitingBytes -= sizeOf(from.shift() as EventView);
      this.stream.deliver(new Batch([view]));
    }
  }
}
