import type { RedisConnections } from '../connection/redis-connections.js';
import { patternOf, splitterOf } from '../keys.js';
import { listOf, textOf } from '../scripts/reply.js';

const SCANNED_AT_ONCE = '1000';
/** Keys of one script. While it runs, Redis does nothing else. */
export const CHANGED_AT_ONCE = 200;
/** Arguments of base.lua behind the prefix. */
export const BASE = ['', '- 0 upgrade'];

/** One stage of an upgrade. */
export interface Stage {
  /** Changes the keys of a tenant that need it, by their names without the prefix. Returns their number. */
  change(prefix: string, names: readonly string[]): Promise<number>;
}

/** Gives all keys of all servers to a stage, by tenant. Returns the number of keys that it changed. */
export async function scanKeys(
  connections: RedisConnections,
  stage: Stage,
  examined: ((count: number) => void) | undefined,
): Promise<number> {
  const { namespace } = connections.config;
  const split = splitterOf(namespace);
  let changed = 0;
  for (const { ask } of await connections.nodes()) {
    let cursor = '0';
    do {
      const args = [cursor, 'MATCH', patternOf(namespace), 'COUNT', SCANNED_AT_ONCE];
      const [next, found] = listOf(await ask('SCAN', ...args));
      cursor = textOf(next);
      const keys = listOf(found).map(textOf);
      const tenants = new Map<string, string[]>();
      for (const key of keys) {
        const { prefix, rest } = split(key) ?? {};
        if (prefix === undefined || rest === undefined) continue;
        const names = tenants.get(prefix) ?? [];
        tenants.set(prefix, names);
        names.push(rest);
      }
      for (const [prefix, names] of tenants) changed += await stage.change(prefix, names);
      examined?.(keys.length);
    } while (cursor !== '0');
  }
  return changed;
}

/** A list in parts for one script each. */
export function inParts<T>(list: readonly T[]): T[][] {
  const parts = Math.ceil(list.length / CHANGED_AT_ONCE);
  return Array.from({ length: parts }, (_, i) => list.slice(i * CHANGED_AT_ONCE, (i + 1) * CHANGED_AT_ONCE));
}
