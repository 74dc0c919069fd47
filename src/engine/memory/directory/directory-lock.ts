import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'lmdb';
import { inTransaction } from '../journal/lmdb-transaction.js';
import { processWorld, startOf } from './process-identity.js';

const KEY = 'owner';

interface Timing {
  readonly beatMs: number;
  /** An owner whose beat has not changed for so long is gone. */
  readonly silenceMs: number;
}

const usualTiming: Timing = { beatMs: 1000, silenceMs: 3500 };

/** Who serves from the directory. */
interface Owner {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Tells a process apart from a later one with the same pid; empty where the system does not say. */
  readonly startedAt: string;
  /** Only within the same one does a pid name the same process. */
  readonly world: string;
  readonly beat: number;
}

type Service = Database<unknown, string>;

export class DirectoryInUseError extends Error {
  constructor(directory: string, { pid, host }: Pick<Owner, 'pid' | 'host'>) {
    super(
      `${directory} is in use by another service (process ${pid} on ${host}). One embedded service owns a directory: stop the other one, choose another DATA_DIR, or use Redis for several replicas`,
    );
    this.name = 'DirectoryInUseError';
  }
}

/**
 * Keeps a second service off a directory. The owner is a record in the database itself, taken in an exclusive transaction, so of
 * two that start at once one wins. An owner that died without letting go is recognised at once where its process can be looked
 * up, and elsewhere (another container on the same volume) by its silence. One that was only asleep (stopped, a stalled
 * disk) finds on waking that it is the owner no more: every write asks in its own transaction.
 */
export class DirectoryLock {
  readonly #service: Service;
  readonly #owner: Owner;
  readonly #directory: string;
  readonly #timer: NodeJS.Timeout;
  #beat = 0;
  #isLost = false;

  private constructor(service: Service, owner: Owner, directory: string, beatMs: number) {
    this.#service = service;
    this.#owner = owner;
    this.#directory = directory;
    this.#timer = setInterval(() => this.#sayAlive(), beatMs).unref();
  }

  /** @throws DirectoryInUseError */
  static async take(
    service: Service,
    directory: string,
    { beatMs, silenceMs }: Timing = usualTiming,
  ): Promise<DirectoryLock> {
    const self: Owner = {
      token: randomUUID(),
      pid: process.pid,
      host: hostname(),
      startedAt: startOf(process.pid) ?? '',
      world: processWorld(),
      beat: 0,
    };
    let owner = tryToTake(service, self, undefined);
    while (owner !== undefined) {
      if (owner.world === self.world && owner.startedAt !== '') {
        // The same world: its process either runs or does not.
        if (startOf(owner.pid) === owner.startedAt) throw new DirectoryInUseError(directory, owner);
      } else {
        await sleep(silenceMs);
        const later = currentOwner(service);
        if (later?.token === owner.token && later.beat !== owner.beat) throw new DirectoryInUseError(directory, later);
      }
      owner = tryToTake(service, self, owner);
    }
    return new DirectoryLock(service, self, directory, beatMs);
  }

  /** Somebody else is the owner by now. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** To be called inside each transaction that writes. @throws DirectoryInUseError */
  demand(): void {
    const owner = this.#service.get(KEY) as Owner | undefined;
    if (owner?.token === this.#owner.token) return;
    this.#isLost = true;
    throw new DirectoryInUseError(this.#directory, owner ?? { pid: 0, host: 'unknown' });
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await inTransaction(this.#service, () => {
      this.demand();
      this.#service.removeSync(KEY);
    }).catch(() => undefined); // Lost, or a full disk: then the next service to start finds a dead owner.
  }

  #sayAlive(): void {
    inTransaction(this.#service, () => {
      this.demand();
      this.#service.putSync(KEY, { ...this.#owner, beat: ++this.#beat });
    }).catch(() => {
      // Lost: `isLost` says so, and everything is refused from now on. Not written (disk full): the next beat tries again, and
      // the journal's own writes report the trouble.
      if (this.#isLost) clearInterval(this.#timer);
    });
  }
}

/**
 * In a writing transaction: a reading one takes a place that belongs to its pid, and would wait for ever while another container's
 * process with the same pid (1, usually) has it.
 */
function currentOwner(service: Service): Owner | undefined {
  return service.transactionSync(() => service.get(KEY) as Owner | undefined);
}

/** Becomes the owner when there is none, or when it still is the `dead` one; else returns the one there is. */
function tryToTake(service: Service, self: Owner, dead: Owner | undefined): Owner | undefined {
  return service.transactionSync(() => {
    const owner = service.get(KEY) as Owner | undefined;
    if (owner !== undefined && owner.token !== dead?.token) return owner;
    service.putSync(KEY, self);
    return undefined;
  });
}
