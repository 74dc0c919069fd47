import { randomUUID } from 'node:crypto';
import { fenceKey, prefixOf } from '../keys.js';
import type { RedisConnections } from './redis-connections.js';
import { RedisScript } from '../scripts/redis-script.js';

const beginScript = new RedisScript(['own-keys'], 'begin-epoch');
/** Retention of a fence: longer than any network can delay a packet. */
const REMEMBERED_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * A fence refuses commits of an older connection.
 * A commit that was sent on a lost connection may arrive much later. So each commit carries the epoch of its replica,
 * and after a loss the replica begins a new epoch before it sends anything else.
 */
export class Fences {
  /** Name of this process. A new process needs no fence against itself: it has sent no commits. */
  readonly replica = randomUUID().slice(0, 13);
  readonly #epochs = new Map<string, { readonly server: string; readonly name: Promise<string> }>();

  constructor(
    private readonly connections: RedisConnections,
    private readonly namespace: string,
  ) {
    connections.onLost((server) => {
      for (const [tenant, epoch] of this.#epochs) if (epoch.server === server) this.#epochs.delete(tenant);
    });
  }

  epochOf(tenant: string): Promise<string> {
    const server = this.connections.serverOf(tenant);
    let epoch = this.#epochs.get(tenant);
    // Where the keys have moved, a new epoch ties it to the connections of the other server.
    if (epoch?.server !== server) {
      epoch = { server, name: this.#begin(tenant) };
      this.#epochs.set(tenant, epoch);
      epoch.name.catch(() => this.forget(tenant));
    }
    return epoch.name;
  }

  /** The next commit of the tenant begins a new epoch. */
  forget(tenant: string): void {
    this.#epochs.delete(tenant);
  }

  async #begin(tenant: string): Promise<string> {
    const prefix = prefixOf(this.namespace, tenant);
    const key = fenceKey(prefix, this.replica);
    const client = this.connections.command(key);
    // A random name, not a number: a server that lost its data would give out the same numbers again.
    const epoch = randomUUID().slice(0, 13);
    await beginScript.run(client, [key], [prefix, epoch, REMEMBERED_MS]);
    return epoch;
  }
}
