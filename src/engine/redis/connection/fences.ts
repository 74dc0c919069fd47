import { randomUUID } from 'node:crypto';
import { fenceKey, prefixOf, tenantsKey } from '../keys.js';
import type { RedisConnections } from './redis-connections.js';
import { unlessFull } from './redis-errors.js';
import { RedisScript } from '../scripts/redis-script.js';

const beginScript = new RedisScript([], 'begin-epoch');
/** Longer than any network holds bytes back. */
const REMEMBERED_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * What a lost connection had under way can arrive long after everybody gave up. So each commit carries the name of its
 * replica's epoch, and after a loss a new epoch begins before anything else is sent: what comes late is refused.
 */
export class Fences {
  /** Not over restarts: a new process has nothing under way. */
  readonly replica = randomUUID().slice(0, 13);
  readonly #epochs = new Map<string, Promise<string>>();

  constructor(
    private readonly connections: RedisConnections,
    private readonly namespace: string,
  ) {
    connections.onLost(() => this.#epochs.clear());
  }

  epochOf(tenant: string): Promise<string> {
    let epoch = this.#epochs.get(tenant);
    if (epoch === undefined) {
      epoch = this.#begin(tenant);
      this.#epochs.set(tenant, epoch);
      epoch.catch(() => this.forget(tenant));
    }
    return epoch;
  }

  /** The next commit of the tenant begins a new epoch. */
  forget(tenant: string): void {
    this.#epochs.delete(tenant);
  }

  async #begin(tenant: string): Promise<string> {
    const client = this.connections.command();
    const prefix = prefixOf(this.namespace, tenant);
    // A name and not a number: a server that lost its data would count from the start, to numbers that were used before.
    const epoch = randomUUID().slice(0, 13);
    await beginScript.run(client, [fenceKey(prefix, this.replica)], [prefix, epoch, REMEMBERED_MS]);
    // So that every replica's sweeper knows the tenant, whoever serves it. On a full server the next epoch says so.
    await client.zadd(tenantsKey(this.namespace), Date.now(), tenant).catch(unlessFull);
    return epoch;
  }
}
