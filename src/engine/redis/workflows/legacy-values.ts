import { isWorkflowId } from '../../names.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { prefixOf, stateKey } from '../keys.js';
import { RECORDS, RedisScript } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';

const legacyScript = new RedisScript(RECORDS, 'legacy');
const KEYS_AT_ONCE = '1000';
/** Ids of one call. Of a value of another program, the script reads all. */
const IDS_AT_ONCE = 100;
/** Arguments of base.lua behind the prefix. */
const BASE = ['', '- 0 legacy'];

/** Ids of values that other programs wrote, in pages. Scans the whole key space: for operators, never for a request. */
export async function* legacyIds(
  connections: RedisConnections,
  namespace: string,
  tenant: string,
): AsyncGenerator<{
  readonly ids: readonly string[];
  readonly invalidIds: readonly string[];
  readonly examined: number;
}> {
  const prefix = prefixOf(namespace, tenant);
  const start = stateKey(prefix);
  for (const { ask } of await connections.nodes()) {
    let cursor = '0';
    do {
      const [next, keys] = listOf(await ask('SCAN', cursor, 'MATCH', `${start}*`, 'COUNT', KEYS_AT_ONCE));
      cursor = textOf(next);
      const found = listOf(keys).map(textOf);
      // SCAN may return a key twice.
      const ids = [...new Set(found.filter((key) => key.startsWith(start)).map((key) => key.slice(start.length)))];
      const legacy: string[] = [];
      for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
        const args = [prefix, ...BASE, ...ids.slice(at, at + IDS_AT_ONCE)];
        legacy.push(...listOf(await legacyScript.run(connections.command(start), [start], args)).map(textOf));
      }
      yield {
        ids: legacy.filter(isNamable),
        invalidIds: legacy.filter((id) => !isNamable(id)),
        examined: ids.length,
      };
    } while (cursor !== '0');
  }
}

/** A key that is not UTF-8 was read with replacement characters, so its id would be that of another key. */
function isNamable(id: string): boolean {
  return isWorkflowId(id) && !id.includes('\ufffd');
}
