import type { RedisConnections } from '../connection/redis-connections.js';
import { KEY_NAMES, schemaKey } from '../keys.js';
import { RECORDS, RedisScript } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';
import { FORMER, isFormerIndex } from './former-keys.js';
import { BASE, inParts, type Stage } from './stage.js';

const packScript = new RedisScript([...RECORDS, 'own-keys'], 'pack-workflows');

/** From schema 4 to 5: packs the meta of each workflow, with its index entries. */
export class PackKeys implements Stage {
  /** Prefixes of the tenants: those with a mark. */
  readonly tenants = new Set<string>();
  readonly left = new Set<string>();
  readonly #withEntries = new Set<string>();

  constructor(
    private readonly connections: RedisConnections,
    private readonly isDryRun: boolean,
  ) {}

  async change(prefix: string, names: readonly string[]): Promise<number> {
    const ids = names
      .filter((name) => name.startsWith(KEY_NAMES.meta))
      .map((name) => name.slice(KEY_NAMES.meta.length));
    const indexes = names.filter(isFormerIndex);
    const isMarked = names.includes(KEY_NAMES.schema);
    if (isMarked) this.tenants.add(prefix);
    let changed = 0;
    for (const some of inParts(ids)) changed += await this.#pack(prefix, some, []);
    for (const some of inParts(indexes)) changed += await this.#pack(prefix, [], some);
    // The script also marks the tenant.
    if (isMarked && ids.length + indexes.length === 0) changed += await this.#pack(prefix, [], []);
    if (names.includes(FORMER.ENTRIES)) this.#withEntries.add(prefix);
    return changed;
  }

  /** Packs what is left in the hashes of index entries: those of workflows without a meta. */
  async end(): Promise<void> {
    for (const prefix of this.#withEntries) while ((await this.#run(prefix, [], [])).isChanged);
  }

  async #pack(prefix: string, ids: readonly string[], indexes: readonly string[]): Promise<number> {
    return (await this.#run(prefix, ids, indexes)).found;
  }

  async #run(prefix: string, ids: readonly string[], indexes: readonly string[]) {
    const args = [prefix, ...BASE, this.isDryRun ? '1' : '0', String(ids.length), ...ids, ...indexes];
    const key = schemaKey(prefix);
    const [found, isChanged, ...left] = listOf(await packScript.run(this.connections.command(key), [key], args));
    for (const name of left) this.left.add(`${prefix}${textOf(name)}`);
    return { found: Number(found), isChanged: isChanged === '1' };
  }
}
