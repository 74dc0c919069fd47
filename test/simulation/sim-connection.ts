import type { Event } from './event-queue.js';
import type { Argument } from './sim-server.js';
import type { SimStore } from './sim-store.js';
import type { Context } from './virtual-time.js';

/** The network between one replica of the service and the store: faults on top of the usual delays. */
export interface Network {
  isDown: boolean;
  requestMs: number;
  replyMs: number;
  /** Requests of a lost connection that arrive all the same, after `lateMs`. */
  lateChance: number;
  lateMs: number;
  /** Connection of the process; its timers end with it. */
  readonly context: Context;
}

export interface ConnectionEvents {
  ready(): void;
  lost(): void;
}

interface Pending {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One connection: requests and replies keep their order on it, and have none between connections. */
export class SimConnection {
  isReady = false;
  /** The server that it reached when it was opened. */
  db = 0;
  #pending: Pending[] = [];
  #requestAt = 0;
  #replyAt = 0;
  /** Grows with each loss. Bytes of an earlier life reach nobody. */
  #life = 0;
  /**
   * The life in which bytes were dropped. TCP skips none: nothing that was sent later arrives before them, so nothing
   * arrives at all until silence ends the connection.
   */
  #deafLife = -1;
  #isClosed = false;
  #silence: Event<Context> | undefined;

  constructor(
    private readonly store: SimStore,
    private readonly network: Network,
    private readonly timeoutMs: number,
    private readonly events: ConnectionEvents,
  ) {}

  send(command: readonly Argument[]): Promise<unknown> {
    if (!this.isReady) return Promise.reject(new Error("Stream isn't writeable"));
    const { network, store } = this;
    const { time } = store;
    const [life, db, isLate] = [this.#life, this.db, time.random.chance(network.lateChance)];
    const answer = new Promise((resolve, reject) => void this.#pending.push({ resolve, reject }));
    if (this.#silence === undefined) this.#listen();
    this.#requestAt = Math.max(this.#requestAt, time.now + network.requestMs + time.random.below(2000) / 1000);
    // Bytes on the way belong to nobody: their sender may die.
    this.#onTheWay(this.#requestAt, async () => {
      const isCut = this.#life !== life;
      if (isCut && isLate) {
        this.#onTheWay(time.now + network.lateMs, async () => void (await store.execute(db, command)));
      }
      if (isCut || this.#isDeaf(life)) return;
      const reply = command[0] === 'WAIT' ? await this.#waited(db) : await store.execute(db, command);
      this.#replyAt = Math.max(this.#replyAt, time.now + network.replyMs + time.random.below(2000) / 1000);
      this.#onTheWay(this.#replyAt, () => this.#answered(life, reply));
    });
    return answer;
  }

  connect(): void {
    if (this.#isClosed || this.isReady) return;
    if (this.network.isDown) return this.#connectLater();
    this.isReady = true;
    // Bytes of an earlier life do not hold up those of this one.
    [this.#requestAt, this.#replyAt] = [0, 0];
    this.db = this.store.master;
    this.events.ready();
  }

  cut(): void {
    if (!this.isReady) return;
    this.isReady = false;
    this.#life++;
    for (const { reject } of this.#pending.splice(0)) reject(new Error('Connection is closed.'));
    this.#listen();
    this.store.time.in(this.network.context, () => this.events.lost());
    this.#connectLater();
  }

  close(): void {
    this.#isClosed = true;
    this.cut();
  }

  /** Pending requests get no answer, not even that there is none. */
  kill(): void {
    this.#isClosed = true;
    this.isReady = false;
    this.#life++;
    this.#pending = [];
    this.#listen();
  }

  /** A replica of the store has everything now. */
  async #waited(db: number): Promise<number> {
    if (db !== this.store.master) return 0;
    await this.store.replicate();
    return 1;
  }

  #answered(life: number, reply: unknown): void {
    if (this.#life !== life || this.#isDeaf(life)) return;
    const pending = this.#pending.shift();
    this.#listen();
    if (reply instanceof Error) pending?.reject(reply);
    else pending?.resolve(reply);
  }

  #isDeaf(life: number): boolean {
    if (this.network.isDown) this.#deafLife = life;
    return this.#deafLife === life;
  }

  #onTheWay(atMs: number, run: () => void | Promise<void>): void {
    const { time } = this.store;
    time.outside(() => time.after(atMs - time.now, run));
  }

  #connectLater(): void {
    const { time } = this.store;
    if (!this.#isClosed) time.after(50 + time.random.below(450), () => this.connect(), this.network.context);
  }

  /**
   * Silence while an answer is awaited ends the connection, as the socket timeout of the real client does. What is sent
   * meanwhile does not prolong it.
   */
  #listen(): void {
    if (this.#silence !== undefined) this.#silence.run = undefined;
    this.#silence = undefined;
    if (this.#pending.length === 0) return;
    this.#silence = this.store.time.after(this.timeoutMs, () => this.cut(), this.network.context);
  }
}
