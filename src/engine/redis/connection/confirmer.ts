import type { RedisConfig } from '../../../config/config.js';
import type { Confirmation } from '../../engine.js';
import { confirmedKey, onceKey } from '../keys.js';
import type { BlockingConnection } from './drivers/redis-driver.js';
import type { RedisConnections } from './redis-connections.js';

const REPLICAS = 1;
const DEFAULT_TIMEOUT_MS = 1000;
const MARK_KEPT_MS = 86_400_000;

/**
 * Checks that the server has a once key, then writes a mark on this connection, since WAIT counts only the writes of
 * its own connection. An existing mark only gets a new time to live, which a full server allows too.
 * KEYS[1] the once key   KEYS[2] the mark   ARGV[1] time to live of the mark
 */
const MARK = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local found = redis.call('TYPE', KEYS[2]).ok
if found ~= 'none' and found ~= 'string' then return redis.error_reply('KEY_TAKEN ' .. found .. ' ' .. KEYS[2] .. ' END_OF_KEY') end
if redis.call('PEXPIRE', KEYS[2], ARGV[1]) == 0 then redis.call('SET', KEYS[2], '', 'PX', ARGV[1]) end
return 1`;

/** A confirmation ends by this time: it asks twice if the first connection reached another server. */
export function longestConfirmMs({ commandTimeoutMs, connectTimeoutMs, confirmTimeoutMs }: RedisConfig): number {
  const waitMs = commandTimeoutMs + (confirmTimeoutMs ?? DEFAULT_TIMEOUT_MS);
  return 2 * (connectTimeoutMs + 2 * waitMs);
}

interface Waiting {
  readonly once: string;
  readonly mark: string;
  readonly resolve: (confirmation: Confirmation) => void;
}

/**
 * Asks whether a replica has a write.
 * WAIT blocks its connection, so it runs on a connection of its own and not on the shared one that sent the write.
 * There, a second write (the mark) goes before it. Replicas apply all writes in one order, so a replica that has the
 * mark has the write too.
 * After a failover the new master may lack the write. It then lacks the once key, which is written in the same atomic
 * step. A connection that still reaches the old master lacks the key too, so the servers are compared first.
 * Mark and WAIT are sent together, so both use the same connection.
 */
export class Confirmer {
  readonly #queues = new WeakMap<BlockingConnection, ConfirmQueue>();

  constructor(private readonly connections: RedisConnections) {}

  /** Takes at most `longestConfirmMs`. */
  async confirm(prefix: string, key: string): Promise<Confirmation> {
    const once = onceKey(prefix, key);
    for (let attempt = 0; attempt < 2; attempt++) {
      const connection = await this.connections.blocking(once).catch(() => undefined);
      if (connection === undefined) break;
      const answer = await this.#ask(connection, once, confirmedKey(prefix));
      if (answer !== 'gone' || !(await this.#isElsewhere(connection))) return answer;
      connection.renew();
    }
    return 'unconfirmed';
  }

  #ask(connection: BlockingConnection, once: string, mark: string): Promise<Confirmation> {
    let queue = this.#queues.get(connection);
    if (queue === undefined) {
      queue = new ConfirmQueue(connection, this.connections.config.confirmTimeoutMs ?? DEFAULT_TIMEOUT_MS);
      this.#queues.set(connection, queue);
    }
    return queue.ask(once, mark);
  }

  /** Whether the connection reaches a server that writes are not sent to. False if the servers do not tell their names. */
  async #isElsewhere(connection: BlockingConnection): Promise<boolean> {
    try {
      const nodes = await this.connections.nodes();
      const [own, ...others] = await Promise.all([
        runIdBy((...command) => connection.call(...command)),
        ...nodes.map((node) => runIdBy((...command) => node.ask(...command))),
      ]);
      return own !== undefined && others.every((other) => other !== undefined && other !== own);
    } catch {
      return false;
    }
  }
}

/** Name that a server draws at its start; undefined if it does not tell. */
async function runIdBy(call: (command: string, section: string) => Promise<unknown>): Promise<string | undefined> {
  return /^run_id:(\w+)/m.exec(String(await call('INFO', 'server')))?.[1];
}

/** Confirmations of one connection: those requested during a WAIT share the next one. */
class ConfirmQueue {
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(
    private readonly connection: BlockingConnection,
    private readonly timeoutMs: number,
  ) {}

  ask(once: string, mark: string): Promise<Confirmation> {
    return new Promise((resolve) => {
      this.#waiting.push({ once, mark, resolve });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const round = this.#waiting;
      this.#waiting = [];
      await this.#round(round);
    }
    this.#isRunning = false;
  }

  async #round(round: readonly Waiting[]): Promise<void> {
    const marks = round.map(({ once, mark }) => this.connection.call('EVAL', MARK, 2, once, mark, MARK_KEPT_MS));
    const count = this.connection.call('WAIT', REPLICAS, this.timeoutMs);
    // Not awaited where a mark fails first; a rejection that nobody handles would end the process.
    count.catch(() => undefined);
    await Promise.all(
      round.map(async ({ resolve }, i) => {
        try {
          // Known before the WAIT ends.
          if ((await marks[i]) !== 1) resolve('gone');
          resolve(Number(await count) >= REPLICAS ? 'confirmed' : 'unconfirmed');
        } catch {
          resolve('unconfirmed');
        }
      }),
    );
  }
}
