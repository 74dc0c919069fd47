import type { Engine, Erased } from '../engine.js';
import { erasedWith, noteErasure } from '../erasure.js';
import { awayIfLost } from './connection/redis-errors.js';
import type { RedisConnections } from './connection/redis-connections.js';
import type { ServerNode } from './connection/drivers/redis-driver.js';
import { KEY_NAMES, prefixOf, typeOfKey } from './keys.js';
import { listOf, textOf } from './scripts/reply.js';

/** One pass over all keys of all servers. */
interface Pass {
  /** Servers that are not scanned to the end, the current one first. */
  readonly left: ServerNode[];
  cursor: string;
  found: number;
  /** Marks of the tenants, which go last: without a mark, other keys do not count as ours. */
  readonly marks: { readonly node: ServerNode; readonly key: string }[];
}

/**
 * Removes the keys of tenants.
 * Only a scan finds all of them: results, once keys and values of other programs are in no index. Keys whose names are
 * not ours stay.
 * A tenant is erased when a whole pass has found nothing, since a sweep or a late write may add keys behind the cursor
 * of an earlier pass. The position of a pass is lost with the process; the next pass then begins at the start.
 */
export class Eraser {
  readonly #passes = new Map<string, Pass>();

  constructor(
    private readonly connections: RedisConnections,
    private readonly namespace: string,
    private readonly commit: Engine['commit'],
  ) {}

  async erase(tenant: string, limit: number): Promise<Erased> {
    const prefixes = erasedWith(tenant).map((name) => prefixOf(this.namespace, name));
    let pass = this.#passes.get(tenant);
    try {
      if (pass === undefined) {
        await noteErasure(this.commit, tenant);
        pass = { left: [...(await this.connections.nodes())], cursor: '0', found: 0, marks: [] };
        this.#passes.set(tenant, pass);
      }
      const removed = await this.#step(pass, prefixes, patternOf(this.namespace, tenant), limit);
      if (pass.left.length > 0) return { removed, isDone: false };
      this.#passes.delete(tenant);
      if (pass.found > 0) return { removed, isDone: false };
      const marks = new Map(pass.marks.map((mark) => [mark.key, mark]));
      for (const { node, key } of marks.values()) await node.ask('UNLINK', key);
      return { removed: removed + marks.size, isDone: true };
    } catch (error) {
      // Begins a new pass, since the servers may have changed.
      this.#passes.delete(tenant);
      throw awayIfLost(error);
    }
  }

  async #step(pass: Pass, prefixes: readonly string[], pattern: string, limit: number): Promise<number> {
    const [node] = pass.left;
    if (node === undefined) return 0;
    const scanned = listOf(await node.ask('SCAN', pass.cursor, 'MATCH', pattern, 'COUNT', String(limit)));
    const keys = listOf(scanned[1]).map(textOf);
    let removed = 0;
    for (const prefix of prefixes) {
      const known = keys.filter((key) => key.startsWith(prefix) && typeOfKey(key.slice(prefix.length)) !== undefined);
      const mark = `${prefix}${KEY_NAMES.schema}`;
      const own = known.filter((key) => key !== mark);
      if (own.length < known.length) pass.marks.push({ node, key: mark });
      removed += own.length;
      // On a Cluster the keys of one command share a slot.
      if (own.length > 0) await node.ask('UNLINK', ...own);
    }
    pass.found += removed;
    pass.cursor = String(scanned[0]);
    if (pass.cursor === '0') pass.left.shift();
    return removed;
  }
}

/**
 * Pattern that matches the keys of the tenant and of its hidden tenants, whose names end with its name. It may match
 * keys of other tenants too.
 */
function patternOf(namespace: string, tenant: string): string {
  const [before = '', after = ''] = prefixOf(namespace, `\0${tenant}`).split('\0').map(escaped);
  return `${before}*${after}*`;
}

function escaped(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}
