import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RedisProcess {
  readonly port: number;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** SIGKILL; the directory stays. */
  kill(): Promise<void>;
  /** After a kill: starts the same server again with its directory. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** For a Redis that loses no acknowledged write: fsync on each. */
export const ALWAYS_ON_DISK = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** A redis-server on a free port of the loopback, in a directory of its own, without persistence unless `more` says so. */
export function startRedisProcess(...more: string[]): Promise<RedisProcess> {
  return startRedisWith({}, ...more);
}

/** The same with more variables of the environment. */
export async function startRedisWith(env: NodeJS.ProcessEnv, ...more: string[]): Promise<RedisProcess> {
  const port = await freePort();
  const options = { bind: '127.0.0.1', port: String(port), save: '', appendonly: 'no' };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  return startServer(port, [...args, ...more], 'Ready to accept connections', { env });
}

/** A sentinel. Its configuration is a file, since sentinels write their findings into it. */
export async function startSentinelProcess(...lines: string[]): Promise<RedisProcess> {
  const port = await freePort();
  const sentinel = ['bind 127.0.0.1', `port ${port}`, ...lines].join('\n');
  return startServer(port, [], '+monitor master', { sentinel });
}

async function startServer(
  port: number,
  args: readonly string[],
  ready: string,
  { sentinel, env = {} }: { readonly sentinel?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<RedisProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'waymark-redis-'));
  const file = join(directory, 'sentinel.conf');
  if (sentinel !== undefined) await writeFile(file, `${sentinel}\n`);
  const first = sentinel === undefined ? [] : [file, '--sentinel'];
  const all = [...first, ...args, '--dir', directory];
  let child = await launch(all, ready, env);
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    port,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill,
    async restart() {
      child = await launch(all, ready, env);
    },
    async stop() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(args: readonly string[], ready: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn(process.env['REDIS_SERVER_BIN'] ?? 'redis-server', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(ready)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`redis-server ended with code ${code}: ${output}`)));
  });
  return child;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
