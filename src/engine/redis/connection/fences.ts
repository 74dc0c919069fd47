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
    // A random name, not a number: a server that lost its data would give out the same numbers again.
    const epoch = randomUUID().slice(0, 13);
    await beginScript.run(client, [fenceKey(prefix, this.replica)], [prefix, epoch, REMEMBERED_MS]);
    return epoch;
  }
}
