import { Readable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import type { Batch } from './event-view.js';
import type { FeedLoss, Outlet } from './fan-out.js';

const RECONNECT_MS = 1000;
/** Who does not even take the end of his stream by then is cut off. */
const LAST_WORD_MS = 10_000;
/** Who is catching up and takes nothing for so long is cut off too. */
const PATIENCE_MS = 30_000;

/** One client's Server-Sent Events. What it has not taken yet is bounded; who is slower than that is told so, and cut off. */
export class EventStream extends Readable implements Outlet {
  live = 0;
  /** Of the last event it was given, or of what it need not be told of. */
  #place = '';
  #hasEnded = false;
  #onRoom: (() => void) | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly mostBytes: number,
    private readonly onCut: () => void,
    private readonly onGone: () => void,
  ) {
    super({ highWaterMark: 64 * 1024 });
    this.push(`retry: ${RECONNECT_MS}\n\n`);
  }

  /** From where the client goes on after a cut, if nothing comes before. */
  start(place: string): void {
    this.#place = place;
    if (place !== '0') this.#say(`id: ${place}\n\n`);
  }

  deliver(batch: Batch): void {
    if (this.#hasEnded) return;
    // What is left of earlier batches counts: nobody is slow for not having taken this one yet.
    if (this.#waitingBytes > this.mostBytes) return this.#cut();
    this.#place = batch.lastId;
    this.push(batch.sse);
  }

  lose(loss: FeedLoss, next: string): void {
    this.#place = next;
    const data = JSON.stringify({ code: loss.code, detail: loss.message, ...loss.extensions, next });
    this.#say(`event: reset\nid: ${next}\ndata: ${data}\n\n`);
  }

  /** Shows that the connection lives, and moves the client's place past what it did not want. */
  beat(place: string): void {
    const moved = this.live > 0 && place !== this.#place;
    if (moved) this.#place = place;
    this.#say(moved ? `: still here\nid: ${place}\n\n` : ': still here\n\n');
  }

  /** The service is about to end; another replica may be there at once. */
  goAway(): void {
    this.#end(': going away\n\n');
  }

  async room(): Promise<boolean> {
    if (this.#waitingBytes > this.mostBytes / 2) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PATIENCE_MS);
        this.#onRoom = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.#waitingBytes > this.mostBytes / 2) this.#cut();
    }
    return !this.#hasEnded;
  }

  override _read(): void {
    const tell = this.#onRoom;
    this.#onRoom = undefined;
    tell?.();
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

  #say(text: string): void {
    if (!this.#hasEnded) this.push(text);
  }

  #cut(): void {
    if (this.#hasEnded) return;
    this.onCut();
    this.#end(`event: resync\ndata: ${JSON.stringify({ code: 'TOO_SLOW', since: this.#place })}\n\n`);
  }

  #end(lastWords: string): void {
    if (this.#hasEnded) return;
    this.push(lastWords);
    this.push(null);
    this.#hasEnded = true;
    this.onGone();
    setTimeout(() => {
      if (!this.response.writableFinished) this.response.destroy();
    }, LAST_WORD_MS).unref();
  }
}
