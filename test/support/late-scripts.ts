import type { Redis } from 'ioredis';
import type { RedisCommands } from '../../src/engine/redis/connection/drivers/redis-driver.js';
import type { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { nameOf } from './failpoints.js';

type Call = [source: string, count: number, ...rest: (string | number)[]];

/** Keeps the calls of a script, and delivers them once more: bytes that a lost connection delivers late. */
export class LateScripts {
  #watched = '';
  #calls: Call[] = [];

  constructor(connections: RedisConnections) {
    const command = connections.command.bind(connections);
    connections.command = (key, atOnce) => this.#watching(command(key, atOnce));
  }

  /** Keeps the calls of a script during `run`. A script has the name of its last file. */
  async keep(script: string, run: () => Promise<unknown>): Promise<void> {
    this.#watched = script;
    this.#calls = [];
    await run();
    this.#watched = '';
    if (this.#calls.length === 0) throw new Error(`${script} was not called`);
  }

  /** Delivers the kept calls at this time; returns the last reply. */
  async deliver(to: Redis, nowMs: number): Promise<unknown> {
    let reply: unknown;
    for (const [source, count, ...rest] of this.#calls) {
      // The second argument of a script, after its keys.
      reply = await to.eval(source, count, ...rest.with(count + 1, String(nowMs)));
    }
    return reply;
  }

  #watching(client: RedisCommands): RedisCommands {
    return new Proxy(client, {
      get: (target, name) => {
        // The source is needed, so the server never knows a script by its digest.
        if (name === 'evalsha') return () => Promise.reject(new Error('NOSCRIPT'));
        if (name === 'eval')
          return (...call: Call) => {
            if (nameOf(call[0]) === this.#watched) this.#calls.push(call);
            return target.eval(...call);
          };
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}
