import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'lmdb';
import { inTransaction } from '../journal/lmdb-transaction.js';
import { pidNamespace, processStartTime } from './process-identity.js';

const KEY = 'owner';

/** Times of this process. A machine that sleeps may stop the first clock; the second one may be set. */
export interface Clocks {
  readonly monotonic: () => number;
  readonly wall: () => number;
}

interface Timing {
  readonly beatMs: number;
  /** An owner without a heartbeat for this long is gone. */
  readonly silenceMs: number;
}

const DEFAULT_TIMING: Timing = { beatMs: 1000, silenceMs: 3500 };
const REAL_CLOCKS: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

/** Record of the service that owns the directory. */
interface Owner {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Start time of the process, because pids are reused; empty where the system has no /proc. */
  readonly startedAt: string;
  /** `pidNamespace()`: only within the same namespace does a pid name the same process. */
  readonly world: string;
  /** Counts heartbeats. */
  readonly beat: number;
}

type Service = Database<unknown, string>;

interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export class DirectoryInUseError extends Error {
  constructor(directory: string, { pid, host }: Pick<Owner, 'pid' | 'host'>) {
    super(
      `${directory} is in use by another service (process ${pid} on ${host}). A data directory serves one process: stop the other one, choose another DATA_DIR, or use Redis for several replicas`,
    );
    this.name = 'DirectoryInUseError';
  }
}

/**
 * Keeps a second service off a directory. The owner is a record in the database itself, written in an exclusive transaction, so
 * of two services that start at once one wins. A dead owner is detected at once where its process can be looked up, and
 * elsewhere (another container on the same volume) by missing heartbeats. An owner that was only suspended (stopped, a stalled
 * disk) learns that it has lost the directory before it writes or answers anything: every write checks the owner in its own
 * transaction, and a read after a time without a heartbeat waits for one.
 */
export class DirectoryLock {
  readonly #timer: NodeJS.Timeout;
  #beat = 0;
  #isLost = false;
  /** Times before the last heartbeat that was written. */
  #provenAt: Moment;
  #proof: Promise<void> | undefined;
  /** Ends with the last transaction; never rejects. */
  #writing: Promise<unknown> = Promise.resolve();
  #released: Promise<void> | undefined;

  private constructor(
    private readonly service: Service,
    private readonly owner: Owner,
    private readonly directory: string,
    private readonly timing: Timing,
    private readonly clocks: Clocks,
    takenAt: Moment,
  ) {
    this.#provenAt = takenAt;
    this.#timer = setInterval(() => void this.#prove(), timing.beatMs).unref();
  }

  /** @throws DirectoryInUseError */
  static async take(
    service: Service,
    directory: string,
    timing: Timing = DEFAULT_TIMING,
    clocks: Clocks = REAL_CLOCKS,
  ): Promise<DirectoryLock> {
    const self: Owner = {
      token: randomUUID(),
      pid: process.pid,
      host: hostname(),
      startedAt: processStartTime(process.pid) ?? '',
      world: pidNamespace(),
      beat: 0,
    };
    let takenAt = momentOf(clocks);
    let owner = tryToTake(service, self, undefined);
    while (owner !== undefined) {
      if (owner.world === self.world && owner.startedAt !== '') {
        // Same pid namespace: the process can be looked up.
        if (processStartTime(owner.pid) === owner.startedAt) throw new DirectoryInUseError(directory, owner);
      } else {
        await sleep(timing.silenceMs);
        const later = currentOwner(service);
        if (later?.token === owner.token && later.beat !== owner.beat) throw new DirectoryInUseError(directory, later);
      }
      takenAt = momentOf(clocks);
      owner = tryToTake(service, self, owner);
    }
    return new DirectoryLock(service, self, directory, timing, clocks, takenAt);
  }

  /** Another service owns the directory. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /**
   * Undefined if no other service can have taken over: the last heartbeat is not long ago. Else resolves when a heartbeat has
   * shown the owner; look at `isLost` then. What is in memory must not be answered before.
   */
  proven(): Promise<void> | undefined {
    const { monotonic, wall } = this.#provenAt;
    const silentMs = Math.max(this.clocks.monotonic() - monotonic, this.clocks.wall() - wall);
    if (silentMs < this.#trustedMs) return undefined;
    // One that runs already may have been written before the process slept.
    return this.#proof === undefined ? this.#prove() : this.#proof.then(() => this.#prove());
  }

  /** Time after a heartbeat in which nobody takes over. */
  get #trustedMs(): number {
    return this.timing.silenceMs - this.timing.beatMs / 2;
  }

  /**
   * Writes to the database of the directory, in a transaction that checks the owner. One transaction runs after the other: of two
   * that fail together, on a full disk, lmdb may leave one without an answer. It does the same with one that starts after the
   * database was closed.
   * @throws DirectoryInUseError, Error after `release`
   */
  write<T>(action: () => T): Promise<T> {
    if (this.#released !== undefined) return Promise.reject(new Error(`${this.directory} is closed`));
    return this.#inTurn(action);
  }

  #inTurn<T>(action: () => T): Promise<T> {
    const done = this.#writing.then(() =>
      inTransaction(this.service, () => {
        this.#assertOwned();
        return action();
      }),
    );
    this.#writing = done.catch(() => undefined);
    return done;
  }

  release(): Promise<void> {
    clearInterval(this.#timer);
    // A failure (lost, or disk full) is left alone: the next service to start finds a dead owner.
    this.#released ??= this.#inTurn(() => this.service.removeSync(KEY)).then(
      () => undefined,
      () => undefined,
    );
    return this.#released;
  }

  #assertOwned(): void {
    const owner = this.service.get(KEY) as Owner | undefined;
    if (owner?.token === this.owner.token) return;
    this.#isLost = true;
    throw new DirectoryInUseError(this.directory, owner ?? { pid: 0, host: 'unknown' });
  }

  /** Writes a heartbeat. Never rejects. */
  #prove(): Promise<void> {
    this.#proof ??= this.#heartbeat().finally(() => (this.#proof = undefined));
    return this.#proof;
  }

  async #heartbeat(): Promise<void> {
    if (this.#isLost) return;
    const at = momentOf(this.clocks);
    try {
      await this.write(() => this.service.putSync(KEY, { ...this.owner, beat: ++this.#beat }));
      this.#provenAt = at;
    } catch {
      // Lost: all requests are refused.
      if (this.#isLost) return clearInterval(this.#timer);
      // Not written (disk full), also by no other service: reads go on until the next heartbeat. The journal's own writes
      // report the problem.
      const trustedMs = this.#trustedMs - this.timing.beatMs;
      this.#provenAt = { monotonic: at.monotonic - trustedMs, wall: at.wall - trustedMs };
    }
  }
}

function momentOf({ monotonic, wall }: Clocks): Moment {
  return { monotonic: monotonic(), wall: wall() };
}

/**
 * Reads in a write transaction: lmdb's reader slots belong to a pid, and a read would wait forever while a process of another
 * container with the same pid (usually 1) has the slot.
 */
function currentOwner(service: Service): Owner | undefined {
  return service.transactionSync(() => service.get(KEY) as Owner | undefined);
}

/** Becomes the owner if there is none or it is still `dead`; else returns the current owner. */
function tryToTake(service: Service, self: Owner, dead: Owner | undefined): Owner | undefined {
  return service.transactionSync(() => {
    const owner = service.get(KEY) as Owner | undefined;
    if (owner !== undefined && owner.token !== dead?.token) return owner;
    service.putSync(KEY, self);
    return undefined;
  });
}
