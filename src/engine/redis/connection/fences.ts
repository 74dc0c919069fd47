import { randomUUID } from 'node:crypto';
import { fenceKey, prefixOf, tenantsKey } from '../keys.js';
import type { RedisConnections } from './redis-connections.js';
import { unlessFull } from './redis-errors.js';
import { RedisScript } from '../scripts/redis-script.js';

const beginScript = new RedisScript([], 'begin-epoch');
/** Longer than any network can delay a packet. */
const REMEMBERED_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * A fence refuses commits of an older connection. Commits under way on a lost connection may arrive much later, so each commit carries the
 * epoch of its replica, and a new epoch begins before anything is sent after a loss.
 */
export class Fences {
  /** New for each process: it has no commits under way. */
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
    // A random name: a server that lost its data would hand out numbers again.
    const epoch = randomUUID().slice(0, 13);
    await beginScript.run(client, [fenceKey(prefix, this.replica)], [prefix, epoch, REMEMBERED_MS]);
    // The sweepers of all replicas read the tenants from here. A full server gets the name with the next epoch.
    await client.zadd(tenantsKey(this.namespace), Date.now(), tenant).catch(unlessFull);
    return epoch;
  }
}
