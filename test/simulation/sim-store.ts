import { createHash } from 'node:crypto';
import { ReplyError } from 'ioredis';
import type { SimDriver } from './sim-driver.js';
import type { Argument, SimServer } from './sim-server.js';
import type { VirtualTime } from './virtual-time.js';

/** Marks of writes, and ids of tasks, in the arguments of a command. */
const MARKS = /\b[mt]\d+\b/g;

/** Scripts may be ahead by so much more, since they take a small step forward for time that has passed; see clock.lua. */
const MAX_STEPPED_MS = 60_000;

/** Reports of the store to the oracle. */
export interface StoreWitness {
  /** A key of the master has ended. */
  expired(key: string, value: string): void;
  /** These marks were written where a failover has lost them, or will. */
  lost(marks: Iterable<string>): void;
}

/** A master and its replica: two databases of one server, each with a clock of its own. */
export class SimStore {
  master = 0;
  readonly skewMs = [0, 0];
  /** How far a server was ahead at most, if a clock was set. Scripts do not go back with the clock of a server. */
  #mostAheadMs: number | undefined;
  readonly drivers = new Set<SimDriver>();
  /** Keys that the user of the service may not access. */
  readonly refusedKeys = new Set<string>();
  readonly #scripts = new Map<string, string>();
  /** Scripts that each server has; a restart empties them. */
  readonly #cached = [new Set<string>(), new Set<string>()];
  /** Marks of the commands since the last copy, and of all commands. */
  #sinceCopy = new Set<string>();
  readonly #ever = new Set<string>();
  /** Keys that have ended on the former master since the last copy. They are told of when it is the master again. */
  #endedElsewhere: (readonly [key: string, value: string])[] = [];

  constructor(
    readonly time: VirtualTime,
    private readonly server: SimServer,
    private readonly witness: StoreWitness,
    /** Changes to sources of scripts, to plant a bug. */
    private readonly changed: (source: string) => string,
  ) {}

  /** Time by the clock of the master. */
  get nowMs(): number {
    return this.time.trueMs + (this.skewMs[this.master] ?? 0);
  }

  /**
   * Time up to which deadlines may be over for the store, by all the clocks that it has had: clients are told deadlines
   * by its clock, which may be ahead of the true time.
   */
  get latestMs(): number {
    return this.time.trueMs + (this.#mostAheadMs === undefined ? 0 : this.#mostAheadMs + MAX_STEPPED_MS);
  }

  async execute(db: number, command: readonly Argument[]): Promise<unknown> {
    // Facts about the real server would make runs differ.
    if (command[0] === 'INFO') return '';
    if (command[0] === 'CONFIG') return new ReplyError('NOPERM this user has no permissions to run the command');
    if (this.#isRefused(command)) return new ReplyError('NOPERM No permissions to access a key');
    const known = this.#known(db, command);
    if (known instanceof Error) return known;
    this.#note(db, command);
    const aheadMs = this.skewMs[db] ?? 0;
    if (aheadMs !== 0 || this.#mostAheadMs !== undefined) this.#mostAheadMs = Math.max(this.#mostAheadMs ?? 0, aheadMs);
    const timeMs = this.time.trueMs + aheadMs;
    const endsByMs = this.#mostAheadMs === undefined ? 0 : this.latestMs;
    const { reply, happened } = await this.server.execute(db, timeMs, known, endsByMs);
    for (const [what, key, value = ''] of happened) {
      if (what === 'published') for (const driver of this.drivers) driver.hear(db, key, value);
      else if (what === 'expired' && db === this.master) this.witness.expired(key, value);
      else if (what === 'expired') this.#endedElsewhere.push([key, value]);
    }
    return reply;
  }

  /** The replica now has everything. A connection that still used it as a master is cut. */
  async replicate(): Promise<void> {
    const replica = 1 - this.master;
    for (const driver of this.drivers) driver.cutAt(replica);
    await this.server.copy(this.master, replica);
    this.#sinceCopy.clear();
    this.#endedElsewhere = [];
  }

  /** The replica is promoted. What came after the last copy is lost. `cuts`: which connections notice. */
  failOver(cuts: (line: number) => boolean): void {
    this.witness.lost(this.#sinceCopy);
    this.#sinceCopy.clear();
    this.master = 1 - this.master;
    for (const [key, value] of this.#endedElsewhere.splice(0)) this.witness.expired(key, value);
    for (const driver of this.drivers) driver.cut(cuts);
  }

  /** The master starts again without its data. */
  async wipe(): Promise<void> {
    this.witness.lost(this.#ever);
    await this.server.execute(this.master, this.nowMs, ['EVAL', "return redis.call('FLUSHDB')", 0]);
    this.restart();
  }

  /** The master starts again with its data: connections are lost, and no script is cached. */
  restart(): void {
    this.#cached[this.master]?.clear();
    for (const driver of this.drivers) driver.cut(() => true);
  }

  /** Ends the keys of the master whose time is over, also those that nothing touches any more. */
  async endOverdue(): Promise<void> {
    const source = "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('EXISTS', key) end";
    await this.execute(this.master, ['EVAL', source, 0]);
  }

  /** The command with the source of its script, or the error of a server that does not have the script. */
  #known(db: number, command: readonly Argument[]): readonly Argument[] | Error {
    const [name, text, ...rest] = command;
    if (name === 'EVAL') {
      const sha = createHash('sha1').update(String(text)).digest('hex');
      if (!this.#scripts.has(sha)) this.#scripts.set(sha, this.changed(String(text)));
      this.#cached[db]?.add(sha);
      return ['EVAL', this.#scripts.get(sha) ?? '', ...rest];
    }
    if (name !== 'EVALSHA') return command;
    if (this.#cached[db]?.has(String(text)) !== true) return new ReplyError('NOSCRIPT No matching script.');
    return ['EVAL', this.#scripts.get(String(text)) ?? '', ...rest];
  }

  /** A script that names a refused key does not run. */
  #isRefused([name, , count, ...rest]: readonly Argument[]): boolean {
    if (this.refusedKeys.size === 0 || (name !== 'EVAL' && name !== 'EVALSHA')) return false;
    return rest.slice(0, Number(count)).some((key) => this.refusedKeys.has(String(key)));
  }

  #note(db: number, command: readonly Argument[]): void {
    const marks = new Set<string>();
    for (const argument of command.slice(2)) {
      if (typeof argument === 'string') for (const mark of argument.match(MARKS) ?? []) marks.add(mark);
    }
    if (marks.size === 0) return;
    if (db !== this.master) return this.witness.lost(marks);
    for (const mark of marks) {
      this.#sinceCopy.add(mark);
      this.#ever.add(mark);
    }
  }
}
