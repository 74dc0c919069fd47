import type { RedisCommands } from '../../src/engine/redis/connection/drivers/redis-driver.js';
import type { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { controlOf, wrapScript, type Happening } from './wrapped-script.js';

/** Digest of every key with a prefix, and its expiry. */
const DUMP = `
local lines = {}
local keys = redis.call('KEYS', ARGV[1] .. '*')
table.sort(keys)
for _, key in ipairs(keys) do
  lines[#lines + 1] = key .. ' ' .. redis.sha1hex(redis.call('DUMP', key)) .. ' ' .. redis.call('PEXPIRETIME', key)
end
return table.concat(lines, '\\n')`;

/** A call of the script with the failpoint. */
export interface FailedCall {
  readonly script: string;
  /** The command that failed. */
  readonly command: string;
  /** Keys that the call changed before it failed, or after. */
  readonly changed: readonly string[];
}

/** Makes the n-th write of a script fail, as a server does whose key has another type, or that may not run the command. */
export class Failpoints {
  readonly failed: FailedCall[] = [];
  #armed: { readonly script: string; readonly n: number; skipped: number } | undefined;

  constructor(
    connections: RedisConnections,
    private readonly prefix: string,
  ) {
    const command = connections.command.bind(connections);
    connections.command = (atOnce) => this.#wrapped(command(atOnce));
  }

  /**
   * The n-th write of the next call of this script fails, or of one after it: `skipped` calls go before. A script has the
   * name of its last file.
   */
  arm(script: string, n: number, skipped = 0): void {
    this.#armed = { script, n, skipped };
    this.failed.length = 0;
  }

  disarm(): void {
    this.#armed = undefined;
  }

  #wrapped(client: RedisCommands): RedisCommands {
    return new Proxy(client, {
      get: (target, name) => {
        // The source is needed, so the server never knows a script by its digest.
        if (name === 'evalsha') return () => Promise.reject(new Error('NOSCRIPT'));
        if (name === 'eval')
          return (source: string, count: number, ...rest: (string | number)[]) =>
            this.#eval(target, source, count, ...rest);
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #eval(client: RedisCommands, source: string, count: number, ...rest: (string | number)[]): Promise<unknown> {
    const script = nameOf(source);
    const failsAt = script === this.#armed?.script && this.#armed.skipped-- <= 0 ? this.#armed.n : 0;
    if (failsAt === 0) return client.eval(source, count, ...rest);
    this.#armed = undefined;
    const before = await this.#dump(client);
    const answer = await client.eval(wrapScript(source).source, count, ...rest, controlOf({ failsAt })).then(
      (reply) => ({ reply: reply as [Happening[], unknown] }),
      (error: Error) => ({ error }),
    );
    const after = await this.#dump(client);
    if ('error' in answer) throw answer.error;
    const [happened, reply = null] = answer.reply;
    const [point] = happened;
    if (point?.[0] === 'failed') {
      this.failed.push({ script, command: point[1], changed: differences(before, after) });
    }
    if (reply instanceof Error) throw reply;
    return reply;
  }

  async #dump(client: RedisCommands): Promise<ReadonlySet<string>> {
    return new Set(String(await client.eval(DUMP, 0, this.prefix)).split('\n'));
  }
}

/** Name of the last file of a script, from its first comment. */
export function nameOf(source: string): string {
  return [...source.matchAll(/^--\[\[\n {2}([\w-]+):/gm)].at(-1)?.[1] ?? '';
}

function differences(before: ReadonlySet<string>, after: ReadonlySet<string>): string[] {
  const lines = [...[...after].filter((line) => !before.has(line)), ...[...before].filter((line) => !after.has(line))];
  return [...new Set(lines.map((line) => line.slice(0, line.lastIndexOf(' ', line.lastIndexOf(' ') - 1))))];
}
