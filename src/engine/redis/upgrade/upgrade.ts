import { KeyTakenError } from '../../errors.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { classified } from '../connection/redis-errors.js';
import { prefixOf, schemaKey } from '../keys.js';
import { MARK, PACKING, RENAMING } from '../schema.js';
import { RedisScript } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';
import { PackKeys } from './pack-keys.js';
import { RenameKeys } from './rename-keys.js';
import { BASE, scanKeys, type Stage } from './stage.js';

const beginScript = new RedisScript(['base', 'own-keys'], 'begin-upgrade');
const endScript = new RedisScript([], 'end-upgrade');

export interface UpgradeOptions {
  readonly isDryRun?: boolean;
  /** Begin although a service of the earlier schema may still write. */
  readonly isForced?: boolean;
  /** Called with the number of keys examined since the last call. */
  readonly examined?: (count: number) => void;
}

export type Upgraded =
  | { readonly is: 'not-needed' }
  /** A service of the earlier schema may write for this time, or longer. */
  | { readonly is: 'alive'; readonly forMs: number }
  | {
      readonly is: 'upgraded';
      /** Keys that have, or would get, another name. */
      readonly renamed: number;
      /** Workflows with a packed meta, and indexes that are not needed any more. */
      readonly packed: number;
      readonly tenants: number;
      /** Keys of other programs under names of ours. */
      readonly left: readonly string[];
    };

/**
 * Upgrades data of an earlier schema in place, in two stages: schema 3 to 4 gives each key its name, schema 4 to 5 packs
 * the meta of each workflow. Each key is changed in one step, so the upgrade may be stopped at any moment and run again,
 * also by several processes at once. States stay as they are.
 */
export async function upgrade(connections: RedisConnections, options: UpgradeOptions = {}): Promise<Upgraded> {
  const { isDryRun = false, isForced = false } = options;
  try {
    const [word, given] = await begin(connections, isDryRun, isForced);
    if (word === 'none' || word === 'done') return { is: 'not-needed' };
    if (word === 'alive') return { is: 'alive', forMs: Number(textOf(given)) };
    const rename = new RenameKeys(connections, isDryRun);
    const pack = new PackKeys(connections, isDryRun);
    let [renamed, packed] = [0, 0];
    if (given === RENAMING) {
      renamed = await untilDone(connections, rename, options);
      if (!isDryRun) await mark(connections, prefixOf(connections.config.namespace, 'default'), RENAMING, PACKING);
    }
    packed = await untilDone(connections, pack, options);
    if (!isDryRun) {
      await pack.end();
      // The default tenant comes last: until then, no service of this schema serves any tenant.
      const own = prefixOf(connections.config.namespace, 'default');
      const others = [...pack.tenants].filter((prefix) => prefix !== own);
      for (const prefix of [...others, own]) await mark(connections, prefix, PACKING, MARK);
    }
    const tenants = new Set([...rename.tenants, ...pack.tenants]).size;
    return { is: 'upgraded', renamed, packed, tenants, left: [...rename.left, ...pack.left].toSorted() };
  } catch (error) {
    throw error instanceof KeyTakenError ? error : classified(error);
  }
}

/** Whether there is data of an earlier schema, or an upgrade that has not ended. */
export async function needsUpgrade(connections: RedisConnections): Promise<boolean> {
  return (await begin(connections, true, true))[0] === 'begun';
}

/** See begin-upgrade.lua. */
async function begin(connections: RedisConnections, isDryRun: boolean, isForced: boolean): Promise<readonly unknown[]> {
  const prefix = prefixOf(connections.config.namespace, 'default');
  const args = [prefix, ...BASE, isDryRun ? '1' : '0', isForced ? '1' : '0'];
  const key = schemaKey(prefix);
  return listOf(await beginScript.run(connections.command(key), [key], args));
}

/**
 * Passes of a stage over all keys. A scan finds every key that is there from its beginning to its end, so a pass that
 * finds nothing proves that nothing is left. Returns the number of changed keys.
 */
async function untilDone(connections: RedisConnections, stage: Stage, options: UpgradeOptions): Promise<number> {
  let changed = 0;
  for (;;) {
    const found = await scanKeys(connections, stage, options.examined);
    changed += found;
    if (found === 0 || options.isDryRun === true) return changed;
  }
}

async function mark(connections: RedisConnections, prefix: string, from: string, to: string): Promise<void> {
  const key = schemaKey(prefix);
  await endScript.run(connections.command(key), [key], [prefix, from, to]);
}
