import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReplyError } from 'ioredis';
import { controlOf, wrapScript, type Happening, type WrappedScript } from '../support/wrapped-script.js';
import { ReplyReader } from './reply-reader.js';

export type Argument = string | number;

/** Result of a command: its reply, which may be an error, and its other effects. */
export interface Executed {
  readonly reply: unknown;
  readonly happened: readonly Happening[];
}

/** Removes all keys of a database, then copies those of another one there. */
const COPY = `
redis.call('SELECT', ARGV[2])
redis.call('FLUSHDB')
redis.call('SELECT', ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('COPY', key, key, 'DB', ARGV[2]) end`;

/** One real redis-server and one connection to it. Each of its databases stands for a server; their time is that of the caller. */
export class SimServer {
  readonly #scripts = new Map<string, WrappedScript>();
  readonly #loaded = new Set<string>();
  readonly #reader = new ReplyReader((message) => new ReplyError(message));
  readonly #command = wrapScript('return redis.call(unpack(ARGV))');
  #db = 0;

  private constructor(
    private readonly child: ChildProcess,
    private readonly directory: string,
    private readonly socket: Socket,
  ) {
    socket.on('data', (bytes: Buffer) => this.#reader.push(bytes));
  }

  static async start(): Promise<SimServer> {
    const directory = mkdtempSync(join(tmpdir(), 'waymark-simulation-'));
    const path = join(directory, 'redis.sock');
    // Large limits of packed hashes: the order of fields in other hashes depends on a random seed of the server.
    const packed = ['--hash-max-listpack-entries', '1000000', '--hash-max-listpack-value', '10000000'];
    const args = [
      '--port',
      '0',
      '--unixsocket',
      path,
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      directory,
      ...packed,
    ];
    const child = spawn(process.env['REDIS_SERVER_BIN'] ?? 'redis-server', args, {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.on('exit', () => child.kill('SIGKILL'));
    const { stdout } = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('eady to accept connections')) resolve();
      });
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`redis-server ended with code ${code}: ${output}`)));
    });
    const socket = connect(path);
    await once(socket, 'connect');
    return new SimServer(child, directory, socket);
  }

  async stop(): Promise<void> {
    this.socket.destroy();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Empties all databases. */
  async clear(): Promise<void> {
    await this.#ask('FLUSHALL');
  }

  async copy(from: number, to: number): Promise<void> {
    await this.#select(from);
    const reply = await this.#ask('EVAL', COPY, 0, from, to);
    // A script leaves the database of its connection as it was.
    if (reply instanceof Error) throw reply;
  }

  /**
   * Runs a command, or a script by its source, in a database at a time. A state that it removes counts as expired if its
   * deadline is before `endsByMs`.
   */
  async execute(db: number, timeMs: number, command: readonly Argument[], endsByMs = 0): Promise<Executed> {
    const [name, source, count = 0, ...rest] = command;
    await this.#select(db);
    if (name === 'EVAL') return this.#run(this.#script(String(source)), { timeMs, endsByMs }, Number(count), rest);
    return this.#run(this.#command, { timeMs, endsByMs }, 0, command);
  }

  #script(source: string): WrappedScript {
    let script = this.#scripts.get(source);
    if (script === undefined) {
      script = wrapScript(source);
      this.#scripts.set(source, script);
    }
    return script;
  }

  async #run(
    script: WrappedScript,
    control: { readonly timeMs: number; readonly endsByMs: number },
    count: number,
    rest: readonly Argument[],
  ): Promise<Executed> {
    if (!this.#loaded.has(script.sha)) {
      const loaded = await this.#ask('SCRIPT', 'LOAD', script.source);
      if (loaded instanceof Error) throw loaded;
      this.#loaded.add(script.sha);
    }
    const answer = await this.#ask('EVALSHA', script.sha, count, ...rest, controlOf(control));
    if (answer instanceof Error) throw answer;
    const [happened, reply = null] = answer as [Happening[], unknown];
    return { reply, happened };
  }

  async #select(db: number): Promise<void> {
    if (db === this.#db) return;
    await this.#ask('SELECT', db);
    this.#db = db;
  }

  #ask(...command: Argument[]): Promise<unknown> {
    const parts = command.map((part) => {
      const text = String(part);
      return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
    });
    const answered = this.#reader.next();
    this.socket.write(`*${parts.length}\r\n${parts.join('')}`);
    return answered;
  }
}
