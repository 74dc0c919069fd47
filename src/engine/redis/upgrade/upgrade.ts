import { KeyTakenError } from '../../errors.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { classified } from '../connection/redis-errors.js';
import { KEY_NAMES, patternOf, prefixOf, schemaKey, splitterOf } from '../keys.js';
import { RedisScript } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';
import { formerTypeOf } from './former-keys.js';

const beginScript = new RedisScript(['base', 'own-keys'], 'begin-upgrade');
const renameScript = new RedisScript(['base', 'own-keys', 'task-fields'], 'rename-keys');
const endScript = new RedisScript(['own-keys'], 'end-upgrade');
const SCANNED_AT_ONCE = '1000';
/** Keys of one script. While it runs, Redis does nothing else. */
const RENAMED_AT_ONCE = 200;
/** Arguments of base.lua. */
const BASE = ['', '- 0 upgrade'];

export interface UpgradeOptions {
  readonly isDryRun?: boolean;
  /** Begin although a service of schema 3 may still write. */
  readonly isForced?: boolean;
  /** Called with the number of keys examined since the last call. */
  readonly examined?: (count: number) => void;
}

export type Upgraded =
  | { readonly is: 'not-needed' }
  /** A service of schema 3 may write for this time, or longer. */
  | { readonly is: 'alive'; readonly forMs: number }
  | {
      readonly is: 'upgraded';
      /** Keys that have, or would get, another name. */
      readonly renamed: number;
      readonly tenants: number;
      /** Keys of other programs under names of schema 3. */
      readonly left: readonly string[];
    };

/**
 * Upgrades data of schema 3 in place: gives each key its name of this schema. RENAME is atomic, so the upgrade may be
 * stopped at any moment and run again, also by several processes at once. States keep their names.
 */
export async function upgrade(connections: RedisConnections, options: UpgradeOptions = {}): Promise<Upgraded> {
  const { isDryRun = false, isForced = false } = options;
  try {
    const [word, forMs] = await begin(connections, isDryRun, isForced);
    if (word === 'none' || word === 'done') return { is: 'not-needed' };
    if (word === 'alive') return { is: 'alive', forMs: Number(textOf(forMs)) };
    const pass = new Pass(connections, options);
    const passes = isDryRun ? 1 : Infinity;
    let renamed = 0;
    // A scan finds every key that is there from its beginning to its end. The last one proves that nothing is left.
    for (let n = 0; n < passes; n++) {
      const found = await pass.run();
      renamed += found;
      if (found === 0) break;
    }
    if (!isDryRun) {
      const prefix = prefixOf(connections.config.namespace, 'default');
      const key = schemaKey(prefix);
      await endScript.run(connections.command(key), [key], [prefix]);
    }
    return { is: 'upgraded', renamed, tenants: pass.tenants.size, left: [...pass.left].toSorted() };
  } catch (error) {
    throw error instanceof KeyTakenError ? error : classified(error);
  }
}

/** Whether there is data of schema 3, or an upgrade that has not ended. */
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

/** Scans all keys of all servers. */
class Pass {
  /** Prefixes of the tenants. */
  readonly tenants = new Set<string>();
  readonly left = new Set<string>();

  constructor(
    private readonly connections: RedisConnections,
    private readonly options: UpgradeOptions,
  ) {}

  /** Returns the number of renamed keys. */
  async run(): Promise<number> {
    let renamed = 0;
    const { namespace } = this.connections.config;
    for (const { ask } of await this.connections.nodes()) {
      let cursor = '0';
      do {
        const args = [cursor, 'MATCH', patternOf(namespace), 'COUNT', SCANNED_AT_ONCE];
        const [next, found] = listOf(await ask('SCAN', ...args));
        cursor = textOf(next);
        const keys = listOf(found).map(textOf);
        for (const [prefix, names] of this.#byTenant(keys)) renamed += await this.#rename(prefix, names);
        this.options.examined?.(keys.length);
      } while (cursor !== '0');
    }
    return renamed;
  }

  /** Names of former keys, by the prefix of their tenant. A tenant without any is there if it has an index. */
  #byTenant(keys: readonly string[]): ReadonlyMap<string, readonly string[]> {
    const split = splitterOf(this.connections.config.namespace);
    const tenants = new Map<string, string[]>();
    for (const key of keys) {
      const parts = split(key);
      if (parts === undefined) continue;
      const isFormer = formerTypeOf(parts.rest) !== undefined;
      if (!isFormer && !parts.rest.startsWith(KEY_NAMES.index)) continue;
      const names = tenants.get(parts.prefix) ?? [];
      tenants.set(parts.prefix, names);
      if (isFormer) names.push(parts.rest);
    }
    return tenants;
  }

  async #rename(prefix: string, names: readonly string[]): Promise<number> {
    const isFirst = !this.tenants.has(prefix);
    if (names.length === 0 && !isFirst) return 0;
    this.tenants.add(prefix);
    const isDefault = prefix === prefixOf(this.connections.config.namespace, 'default');
    let renamed = 0;
    for (let at = 0; at === 0 || at < names.length; at += RENAMED_AT_ONCE) {
      const some = names.slice(at, at + RENAMED_AT_ONCE);
      const pairs = some.flatMap((name) => [name, formerTypeOf(name) as string]);
      const args = [prefix, ...BASE, this.options.isDryRun === true ? '1' : '0', isDefault ? '0' : '1', ...pairs];
      const key = schemaKey(prefix);
      const reply = listOf(await renameScript.run(this.connections.command(key), [key], args));
      renamed += Number(reply[0]);
      for (const name of reply.slice(1)) this.left.add(`${prefix}${textOf(name)}`);
    }
    return renamed;
  }
}
