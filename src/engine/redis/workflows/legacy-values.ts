import { isWorkflowId } from '../../names.js';
import { metaKey, prefixOf, stateKey } from '../keys.js';
import { NONE, readMeta } from './meta-fields.js';
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
      const metas = await Promise.all(ids.map((id) => ask('GET', `${metaStart}${id}`)));
      const legacy = ids.filter((_, i) => typeof metas[i] !== 'string' || isOver(metas[i]));
      yield {
        ids: legacy.filter(isWorkflowId),
        invalidIds: legacy.filter((id) => !isWorkflowId(id)),
        examined: ids.length,
      };
    } while (cursor !== '0');
  }
}

/** Whether the meta is that of an expired workflow, which the sweep has not removed yet. */
function isOver(packed: string): boolean {
  const deadline = readMeta(packed)?.deadline;
  return deadline !== undefined && deadline !== NONE && Number(deadline) <= Date.now();
}
