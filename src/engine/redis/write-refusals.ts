import type { RedisConnections } from './connection/redis-connections.js';
import { ONLY_SERVER } from './connection/drivers/redis-driver.js';
import { StoreAwayError, StoreUnavailableError } from '../errors.js';
import { RedisScript } from './scripts/redis-script.js';
import type { ScriptReader } from './scripts/script-reader.js';

const acceptsWritesScript = new RedisScript([], 'accepts-writes');

/** Asks the servers whether they accept writes, since one that does not may still answer everything else. */
export class WriteRefusals {
  constructor(
    private readonly connections: RedisConnections,
    private readonly reader: ScriptReader,
  ) {}

  /** A sentence for each server that refuses writes, and whether all of them do. */
  async look(): Promise<{ readonly areAll: boolean; readonly warnings: readonly string[] }> {
    const { servers } = this.connections;
    const warnings = (await Promise.all(servers.map((server) => this.#refusalOf(server)))).flat();
    return { areAll: warnings.length > 0 && warnings.length === servers.length, warnings };
  }

  /** A server that is away refuses nothing. */
  async #refusalOf(server: string): Promise<string[]> {
    try {
      await this.reader.run(acceptsWritesScript, 'accepts-writes', this.connections.tenantOn(server), []);
      return [];
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || error instanceof StoreAwayError) return [];
      const who = server === ONLY_SERVER ? 'Redis' : `The master ${server} of Redis`;
      return [`${who} refuses writes: ${(error.cause as Error | undefined)?.message ?? error.message}`];
    }
  }
}
