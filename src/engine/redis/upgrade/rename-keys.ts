import type { RedisConnections } from '../connection/redis-connections.js';
import { KEY_NAMES, prefixOf, schemaKey } from '../keys.js';
import { RedisScript } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';
import { formerTypeOf } from './former-keys.js';
import { BASE, inParts, type Stage } from './stage.js';

const renameScript = new RedisScript(['base', 'own-keys', 'task-fields'], 'rename-keys');

/** From schema 3 to 4: gives each key its name of schema 4. */
export class RenameKeys implements Stage {
  /** Prefixes of the tenants. A tenant without any former key is there if it has an index. */
  readonly tenants = new Set<string>();
  readonly left = new Set<string>();

  constructor(
    private readonly connections: RedisConnections,
    private readonly isDryRun: boolean,
  ) {}

  async change(prefix: string, names: readonly string[]): Promise<number> {
    const former = names.filter((name) => formerTypeOf(name) !== undefined);
    const hasData = former.length > 0 || names.some((name) => name.startsWith(KEY_NAMES.index));
    if (!hasData || (former.length === 0 && this.tenants.has(prefix))) return 0;
    this.tenants.add(prefix);
    const isDefault = prefix === prefixOf(this.connections.config.namespace, 'default');
    let renamed = 0;
    for (const some of former.length === 0 ? [[]] : inParts(former)) {
      const pairs = some.flatMap((name) => [name, formerTypeOf(name) as string]);
      const args = [prefix, ...BASE, this.isDryRun ? '1' : '0', isDefault ? '0' : '1', ...pairs];
      const key = schemaKey(prefix);
      const reply = listOf(await renameScript.run(this.connections.command(key), [key], args));
      renamed += Number(reply[0]);
      for (const name of reply.slice(1)) this.left.add(`${prefix}${textOf(name)}`);
    }
    return renamed;
  }
}
