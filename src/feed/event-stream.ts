import { Readable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import type { ServiceError } from '../service-error.js';
import { refusedFrame } from '../waiting/live-callers.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import type { Batch } from './event-view.js';
import type { FeedLoss, Outlet } from './fan-out.js';

const RECONNECT_MS = 1000;
const PIECE_BYTES = 64 * 1024;
/** Time to flush the end of a stream before the connection is destroyed. */
const FLUSH_TIMEOUT_MS = 10_000;
/** A client that reads nothing for this long while catching up is cut off. */
const STALL_TIMEOUT_MS = 30_000;

/** Server-Sent Events of one client. Unread data is bounded: a slower client gets a `resync` event and is cut off. */
export class EventStream extends Readable implements Outlet {
  live = 0;
  /** Events are sent as they come. */
  readonly isIdle = true;
  /** Id of the last event sent, or of a later one that the client did not subscribe to. */
  #place = '';
  #hasEnded = false;
  /** Set while somebody waits for the client to read. */
  #drained: ReturnType<typeof withResolver> | undefined;

  constructor(
    private readonly response: ServerResponse,
    /** Less if there are many clients. */
    private readonly maxBytes: () => number,
    private readonly onCut: () => void,
    private readonly onGone: () => void,
  ) {
    super({ highWaterMark: PIECE_BYTES });
    this.push(`retry: ${RECONNECT_MS}\n\n`);
    response.on('drain', () => this._read());
  }

  /** Sends the id from which the client resumes if the connection ends before the first event. */
  start(place: string): void {
    this.#place = place;
    if (place !== '0') this.#send(`id: ${place}\n\n`);
  }

  deliver(batch: Batch): void {
    if (this.#hasEnded) return;
    // Checked before this batch is added, so that one large batch does not make a client slow.
    if (this.#waitingBytes > this.maxBytes()) return this.cut();
    this.#place = batch.lastId;
    const { sse } = batch;
    if (sse.length <= PIECE_BYTES) return void this.push(sse);
    // In pieces, so that a large event that is being read can be told from one that is not.
    for (let at = 0; at < sse.length; at += PIECE_BYTES) this.push(sse.subarray(at, at + PIECE_BYTES));
  }

  reset(loss: FeedLoss, next: string): void {
    this.#place = next;
    const data = JSON.stringify({ code: loss.code, detail: loss.message, ...loss.extensions, next });
    this.#send(`event: reset\nid: ${next}\ndata: ${data}\n\n`);
  }

  /** Keeps the connection alive, and moves the client's last id to `place`, past events that it did not subscribe to. */
  heartbeat(place: string | undefined): void {
    const moved = place !== undefined && place !== this.#place;
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
    let seen = this.#waitingBytes;
    let stallsAt = performance.now() + STALL_TIMEOUT_MS;
    while (!this.#hasEnded && this.#waitingBytes > this.maxBytes() / 2) {
      if (this.#waitingBytes < seen) stallsAt = performance.now() + STALL_TIMEOUT_MS;
      else if (performance.now() >= stallsAt) this.cut();
      seen = this.#waitingBytes;
      if (!this.#hasEnded) await waitAtMost((this.#drained ??= withResolver()).promise, STALL_TIMEOUT_MS);
    }
    return !this.#hasEnded;
  }

  override _read(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
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

  cut(): void {
    if (this.#hasEnded) return;
    this.onCut();
    this.#end(`event: resync\ndata: ${JSON.stringify({ code: 'TOO_SLOW', since: this.#place })}\n\n`);
  }

  #end(text: string): void {
    if (this.#hasEnded) return;
    this.push(text);
    this.push(null);
    this.#hasEnded = true;
    this._read();
    this.onGone();
    setTimeout(() => {
      if (!this.response.writableFinished) this.response.destroy();
    }, FLUSH_TIMEOUT_MS).unref();
  }
}
