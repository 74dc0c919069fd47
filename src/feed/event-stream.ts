import { Readable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import type { ServiceError } from '../service-error.js';
import { refusedFrame } from '../waiting/live-callers.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import type { Batch } from './event-view.js';
import type { FeedLoss, Outlet } from './fan-out.js';

const RECONNECT_MS = 1000;
/** Time to flush the end of a stream before the connection is destroyed. */
const FLUSH_TIMEOUT_MS = 10_000;
/** A client that reads nothing for this long while catching up is cut off. */
const STALL_TIMEOUT_MS = 30_000;

/** Server-Sent Events of one client. Unread data is bounded: a slower client gets a `resync` event and is cut off. */
export class EventStream extends Readable implements Outlet {
  live = 0;
  /** Id of the last event sent, or of a later one that the client did not subscribe to. */
  #place = '';
  #hasEnded = false;
  #drained = withResolver();

  constructor(
    private readonly response: ServerResponse,
    private readonly maxBytes: number,
    private readonly onCut: () => void,
    private readonly onGone: () => void,
  ) {
    super({ highWaterMark: 64 * 1024 });
    this.push(`retry: ${RECONNECT_MS}\n\n`);
  }

  /** Sends the id from which the client resumes if the connection ends before the first event. */
  start(place: string): void {
    this.#place = place;
    if (place !== '0') this.#send(`id: ${place}\n\n`);
  }

  deliver(batch: Batch): void {
    if (this.#hasEnded) return;
    // Checked before this batch is added, so that one large batch does not make a client slow.
    if (this.#waitingBytes > this.maxBytes) return this.#cut();
    this.#place = batch.lastId;
    this.push(batch.sse);
  }

  reset(loss: FeedLoss, next: string): void {
    this.#place = next;
    const data = JSON.stringify({ code: loss.code, detail: loss.message, ...loss.extensions, next });
    this.#send(`event: reset\nid: ${next}\ndata: ${data}\n\n`);
  }

  /** Keeps the connection alive, and moves the client's last id past events that it did not subscribe to. */
  heartbeat(place: string): void {
    const moved = this.live > 0 && place !== this.#place;
    if (moved) this.#place = place;
    this.#send(moved ? `: heartbeat\nid: ${place}\n\n` : ': heartbeat\n\n');
  }

  /** Ends the stream when the service shuts down; the client reconnects to another replica. */
  goAway(): void {
    this.#end(': going away\n\n');
  }

  /** Ends the stream of a client that may no longer read it. */
  refuse(error: ServiceError): void {
    this.#end(refusedFrame(error));
  }

  async untilReady(): Promise<boolean> {
    if (this.#waitingBytes > this.maxBytes / 2) {
      this.#drained = withResolver();
      await waitAtMost(this.#drained.promise, STALL_TIMEOUT_MS);
      if (this.#waitingBytes > this.maxBytes / 2) this.#cut();
    }
    return !this.#hasEnded;
  }

  override _read(): void {
    this.#drained.resolve();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#hasEnded = true;
    this._read();
    this.onGone();
    done(error);
  }

  get #waitingBytes(): number {
    return this.readableLength + this.response.writableLength;
  }

  #send(text: string): void {
    if (!this.#hasEnded) this.push(text);
  }

  #cut(): void {
    if (this.#hasEnded) return;
    this.onCut();
    this.#end(`event: resync\ndata: ${JSON.stringify({ code: 'TOO_SLOW', since: this.#place })}\n\n`);
  }

  #end(text: string): void {
    if (this.#hasEnded) return;
    this.push(text);
    this.push(null);
    this.#hasEnded = true;
    this.onGone();
    setTimeout(() => {
      if (!this.response.writableFinished) this.response.destroy();
    }, FLUSH_TIMEOUT_MS).unref();
  }
}
