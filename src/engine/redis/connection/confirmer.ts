import type { Confirmation } from '../../engine.js';
import { confirmedKey, onceKey } from '../keys.js';
import type { BlockingConnection } from './drivers/redis-driver.js';
import type { RedisConnections } from './redis-connections.js';

const REPLICAS = 1;
const DEFAULT_TIMEOUT_MS = 1000;
const MARK_KEPT_MS = 86_400_000;

/**
 * Whether this server has what happened under a once key, and a write of this connection behind it, since WAIT speaks of the writes of
 * its own connection. A mark that is there is only given more time, which also a full server does.
 * KEYS[1] the once key   KEYS[2] the mark   ARGV[1] how long the mark is kept
 */
const MARK = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('PEXPIRE', KEYS[2], ARGV[1]) == 0 then redis.call('SET', KEYS[2], '', 'PX', ARGV[1]) end
return 1`;

interface Waiting {
  readonly once: string;
  readonly mark: string;
  readonly settle: (confirmation: Confirmation) => void;
}

/**
 * Asks whether a replica has a write. The write itself went over a shared connection, which WAIT would hold up for everybody; so on a
 * connection of its own another write follows, to the server that is seen to have the first one: replicas take all writes in one
 * order, so whoever has the second has both. That the server has it is read from the once key, which was written in the same atomic
 * step; one that has taken over without the write lacks the key too. Mark and WAIT leave together, so both go over one connection or neither.
 */
export class Confirmer {
  readonly #lines = new WeakMap<BlockingConnection, Line>();

  constructor(private readonly connections: RedisConnections) {}

  /** Within twice the time that a confirmation may take. */
  async confirm(prefix: string, key: string): Promise<Confirmation> {
    const once = onceKey(prefix, key);
    const connection = await this.connections.blocking(once).catch(() => undefined);
    if (connection === undefined) return 'unconfirmed';
    let line = this.#lines.get(connection);
    if (line === undefined) {
      line = new Line(connection, this.connections.config.confirmTimeoutMs ?? DEFAULT_TIMEOUT_MS);
      this.#lines.set(connection, line);
    }
    return line.ask(once, confirmedKey(prefix));
  }
}

/** Those who ask while a WAIT is under way are asked for together in the next one. */
class Line {
  #waiting: Waiting[] = [];
  #isAsking = false;

  constructor(
    private readonly connection: BlockingConnection,
    private readonly timeoutMs: number,
  ) {}

  ask(once: string, mark: string): Promise<Confirmation> {
    return new Promise((settle) => {
      this.#waiting.push({ once, mark, settle });
      if (!this.#isAsking) void this.#askOn();
    });
  }

  async #askOn(): Promise<void> {
    this.#isAsking = true;
    while (this.#waiting.length > 0) {
      const round = this.#waiting;
      this.#waiting = [];
      const answers = await this.#round(round);
      round.forEach(({ settle }, i) => settle(answers[i] ?? 'unconfirmed'));
    }
    this.#isAsking = false;
  }

  async #round(round: readonly Waiting[]): Promise<readonly Confirmation[]> {
    const marks = round.map(({ once, mark }) => this.connection.call('EVAL', MARK, 2, once, mark, MARK_KEPT_MS));
    const [count, ...marked] = await Promise.allSettled([
      this.connection.call('WAIT', REPLICAS, this.timeoutMs),
      ...marks,
    ]);
    return marked.map((one) => {
      if (one.status === 'rejected' || count.status === 'rejected') return 'unconfirmed';
      if (one.value !== 1) return 'gone';
      return Number(count.value) >= REPLICAS ? 'confirmed' : 'unconfirmed';
    });
  }
}
