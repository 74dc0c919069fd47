import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'lmdb';

const KEY = 'owner';
const BEAT_MS = 1000;
/** An owner whose beat has not changed for so long is gone. */
const SILENCE_MS = 3500;

/** Who serves from the directory. */
interface Owner {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Tells a process apart from a later one with the same pid; empty where the system does not say. */
  readonly startedAt: string;
  /** Boot and pid namespace: only within the same ones does a pid name the same process. */
  readonly world: string;
  readonly beat: number;
}

export class DirectoryInUseError extends Error {
  constructor(directory: string, { pid, host }: Owner) {
    super(
      `${directory} is in use by another service (process ${pid} on ${host}). One embedded service owns a directory; stop the other one, choose another DATA_DIR, or use Redis for several replicas`,
    );
    this.name = 'DirectoryInUseError';
  }
}

/**
 * Keeps a second service off a directory. The owner is a record in the database itself, taken in an exclusive transaction, so of
 * two that start at once one wins. An owner that died without letting go is recognised at once where its process can be looked
 * up, and elsewhere (another container on the same volume) by its silence.
 */
export class DirectoryLock {
  readonly #database: Database<unknown, string>;
  readonly #owner: Owner;
  #timer: NodeJS.Timeout;

  private constructor(database: Database<unknown, string>, owner: Owner) {
    this.#database = database;
    this.#owner = owner;
    let beat = owner.beat;
    this.#timer = setInterval(() => {
      beat++;
      // A beat that cannot be written (disk full) is no reason to stop serving; it is tried again in a second.
      void database.put(KEY, { ...owner, beat }).catch(() => undefined);
    }, BEAT_MS).unref();
  }

  /** @throws DirectoryInUseError */
  static async take(database: Database<unknown, string>, directory: string): Promise<DirectoryLock> {
    const self: Owner = {
      token: randomUUID(),
      pid: process.pid,
      host: hostname(),
      startedAt: startOf(process.pid) ?? '',
      world: world(),
      beat: 0,
    };
    for (;;) {
      const found = tryToTake(database, self, undefined);
      if (found === undefined) return new DirectoryLock(database, self);
      if (found.world === self.world && found.startedAt !== '') {
        // The same world: its process either runs or does not.
        if (startOf(found.pid) === found.startedAt) throw new DirectoryInUseError(directory, found);
      } else {
        await sleep(SILENCE_MS);
        const later = database.get(KEY) as Owner | undefined;
        if (later !== undefined && later.beat !== found.beat) throw new DirectoryInUseError(directory, later);
      }
      if (tryToTake(database, self, found) === undefined) return new DirectoryLock(database, self);
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#database.transaction(() => {
      if ((this.#database.get(KEY) as Owner | undefined)?.token === this.#owner.token) void this.#database.remove(KEY);
    });
  }
}

/** Becomes the owner when there is none, or when it still is the `dead` one; else returns the one there is. */
function tryToTake(database: Database<unknown, string>, self: Owner, dead: Owner | undefined): Owner | undefined {
  return database.transactionSync(() => {
    const owner = database.get(KEY) as Owner | undefined;
    if (owner !== undefined && owner.token !== dead?.token) return owner;
    database.putSync(KEY, self);
    return undefined;
  });
}

/** When a process started, in ticks since the boot; undefined when there is no such process, or no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything; the fields are counted from behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function world(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return randomUUID();
  }
}
