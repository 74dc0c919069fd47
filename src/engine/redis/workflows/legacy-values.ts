import { isWorkflowId } from '../../names.js';
import { metaKey, prefixOf, stateKey } from '../keys.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { listOf, textOf } from '../scripts/reply.js';

const KEYS_AT_ONCE = '1000';

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
  const start = stateKey(prefixOf(namespace, tenant));
  const metaStart = metaKey(prefixOf(namespace, tenant));
  for (const { ask } of await connections.nodes()) {
    let cursor = '0';
    do {
      const [next, keys] = listOf(await ask('SCAN', cursor, 'MATCH', `${start}*`, 'COUNT', KEYS_AT_ONCE));
      cursor = textOf(next);
      const found = listOf(keys).map(textOf);
      // SCAN may return a key twice.
      const ids = [...new Set(found.filter((key) => key.startsWith(start)).map((key) => key.slice(start.length)))];
      const isKnown = await Promise.all(ids.map((id) => ask('EXISTS', `${metaStart}${id}`)));
      const legacy = ids.filter((_, i) => isKnown[i] === 0);
      yield {
        ids: legacy.filter(isWorkflowId),
        invalidIds: legacy.filter((id) => !isWorkflowId(id)),
        examined: ids.length,
      };
    } while (cursor !== '0');
  }
}
