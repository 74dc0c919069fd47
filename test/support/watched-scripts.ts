import type { RedisCommands } from '../../src/engine/redis/connection/drivers/redis-driver.js';
import type { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { nameOf } from './failpoints.js';

/** A call of a script. It has the name of its last file. */
export interface WatchedCall {
  readonly script: string;
  /** Bytes of its arguments, the source of the script included. */
  readonly sentBytes: number;
  replyBytes: number;
  /** Bytes that Redis answered to the commands of the script. */
  readBytes: number;
}

/** Counts what the commands of a script read. The reply is that number and the reply of the script. */
function counting(source: string): string {
  return `local redis, test_counted = (function(real)
  local counted = { bytes = 0 }
  local function count(reply)
    if type(reply) == 'string' then counted.bytes = counted.bytes + #reply end
    if type(reply) == 'table' then for _, one in ipairs(reply) do count(one) end end
    return reply
  end
  local fake = {
    call = function(...) return count(real.call(...)) end,
    pcall = function(...) return count(real.pcall(...)) end,
  }
  return setmetatable(fake, { __index = real }), counted
end)(redis)
local test_reply = (function()\n${source}\nend)()
return { test_counted.bytes, test_reply }`;
}

/** Sees the calls of scripts, and lets a test act before and after each. */
export class WatchedScripts {
  readonly calls: WatchedCall[] = [];
  /** `nth` counts the calls of this script from 1. An error is thrown in place of the call. */
  before: (script: string, nth: number) => unknown = () => undefined;
  /** An error is thrown in place of the reply. */
  after: (script: string, nth: number) => unknown = () => undefined;

  constructor(connections: RedisConnections) {
    const command = connections.command.bind(connections);
    connections.command = (key, atOnce) => this.#watching(command(key, atOnce));
  }

  reset(): void {
    this.calls.length = 0;
    this.before = this.after = () => undefined;
  }

  count(script: string): number {
    return this.calls.filter((call) => call.script === script).length;
  }

  #watching(client: RedisCommands): RedisCommands {
    return new Proxy(client, {
      get: (target, name) => {
        // The source has the name, so the server never knows a script by its digest.
        if (name === 'evalsha') return () => Promise.reject(new Error('NOSCRIPT'));
        if (name === 'eval')
          return (source: string, count: number, ...rest: (string | number)[]) =>
            this.#call(nameOf(source), [source, ...rest], () => target.eval(counting(source), count, ...rest));
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #call(script: string, args: readonly (string | number)[], run: () => Promise<unknown>): Promise<unknown> {
    const call = { script, sentBytes: bytesOf(args), replyBytes: 0, readBytes: 0 };
    this.calls.push(call);
    const nth = this.count(script);
    await this.before(script, nth);
    const [readBytes, reply = null] = (await run()) as [number, unknown];
    call.readBytes = readBytes;
    call.replyBytes = bytesOf(reply);
    await this.after(script, nth);
    return reply;
  }
}

function bytesOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + bytesOf(one), 0);
  return value === null || value === undefined ? 0 : Buffer.byteLength(String(value));
}
