import type { ServerNode } from '../connection/drivers/redis-driver.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { isOfThisSchema, markOf } from '../connection/tenant-mark.js';
import { KEY_NAMES, patternOf, splitterOf, typeOfKey } from '../keys.js';
import { fail, ok, warn, type Answer } from './answer.js';

/** Maximum number of keys that are examined. */
const SAMPLED = 5000;
const SCAN_AT_ONCE = 500;
const MAX_NAMED = 3;

type Owner = 'ours' | 'theirs' | 'out of the namespace' | { readonly taken: string };

/**
 * Counts the keys of the namespace. A key is ours if its name and its type are, and if its tenant has a mark of this
 * schema; a state may also be the text of an older program.
 */
export async function examineKeys(connections: RedisConnections, nodes: readonly ServerNode[]): Promise<Answer> {
  const { namespace } = connections.config;
  const split = splitterOf(namespace);
  const marks = new Map<string, Promise<boolean>>();
  const isMarked = (prefix: string): Promise<boolean> => {
    const known = marks.get(prefix) ?? markOf(connections, prefix).then(isOfThisSchema);
    marks.set(prefix, known);
    return known;
  };
  const ownerOf = async (node: ServerNode, key: string): Promise<Owner> => {
    const parts = split(key);
    if (parts === undefined) return 'out of the namespace';
    const type = typeOfKey(parts.rest);
    if (type === undefined) return 'theirs';
    const real = String(await node.ask('TYPE', key));
    const isState = parts.rest.startsWith(KEY_NAMES.state);
    const isOurs = real === 'none' || (real === type && (isState || (await isMarked(parts.prefix))));
    return isOurs ? 'ours' : { taken: `${key} (${real})` };
  };
  const taken: string[] = [];
  let [seen, foreign, unfinished] = [0, 0, false];
  for (const node of nodes) {
    let cursor = '0';
    do {
      const args = [cursor, 'MATCH', patternOf(namespace), 'COUNT', String(SCAN_AT_ONCE)];
      const [next, found] = (await node.ask('SCAN', ...args)) as [string | number, string[]];
      cursor = String(next);
      const owners = await Promise.all(found.map((key) => ownerOf(node, key)));
      seen += owners.filter((owner) => owner !== 'out of the namespace').length;
      foreign += owners.filter((owner) => owner === 'theirs').length;
      taken.push(...owners.flatMap((owner) => (typeof owner === 'string' ? [] : owner.taken)));
    } while (cursor !== '0' && seen < SAMPLED);
    unfinished ||= cursor !== '0';
  }
  const where = `${unfinished ? 'of the first ' : ''}${seen} keys${namespace === '' ? '' : ` of ${namespace}`}`;
  if (foreign + taken.length === 0) return ok(`${where}: all are Waymark's`);
  const says = `${where}: ${foreign + taken.length} are of other programs`;
  if (taken.length > 0) {
    const more = taken.length > MAX_NAMED ? ` and ${taken.length - MAX_NAMED} more` : '';
    const named = taken.toSorted().slice(0, MAX_NAMED).join(', ') + more;
    return fail(
      `${says}, ${taken.length} of them under names of Waymark: ${named}`,
      'rename these keys, or give Waymark a REDIS_NAMESPACE or a database of its own',
    );
  }
  return warn(
    says,
    'give Waymark a REDIS_NAMESPACE or a database of its own, so that no program deletes keys of another',
  );
}
