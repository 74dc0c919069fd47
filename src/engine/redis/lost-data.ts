import { Logger } from '@nestjs/common';
import type { StoreEpoch } from '../store-epoch.js';
import { ONLY_SERVER } from './connection/drivers/redis-driver.js';

/** Time for which the loss is reported in /health. */
const REPORTED_MS = 24 * 3_600_000;

interface Loss {
  /** Time of the clock of this class. */
  readonly at: number;
  readonly on: string;
}

/**
 * Notices that a Redis server has lost its data, by FLUSHALL or a restart with an empty disk. It then answers as before:
 * every workflow is "not found". The random name of the data shows the loss, since it is lost too.
 */
export class LostData {
  readonly #logger = new Logger('Redis');
  /** By slot. */
  readonly #names = new Map<string, string>();
  /** By what the server is called. */
  readonly #losses = new Map<string, Loss>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Takes the present name of the data of a server. */
  saw({ slot, name }: StoreEpoch, server: string): void {
    const known = this.#names.get(slot);
    this.#names.set(slot, name);
    if (known === undefined || known === name) return;
    const who = server === ONLY_SERVER ? 'Redis' : `The master ${server} of Redis`;
    this.#losses.set(who, { at: this.now(), on: new Date().toISOString() });
    this.#logger.error(
      `${who} has lost its data: workflows, tasks, keys and tenants that it had are gone. It was emptied, restarted without its files, or replaced by another Redis`,
    );
  }

  warnings(): readonly string[] {
    return [...this.#losses].flatMap(([who, { at, on }]) =>
      this.now() - at >= REPORTED_MS
        ? []
        : [`${who} has lost its data, noticed at ${on}: restore a backup, or create again what was lost`],
    );
  }
}
