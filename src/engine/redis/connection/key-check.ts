import type { Logger } from '@nestjs/common';
import { KeyTakenError } from '../../errors.js';
import { isOwnName, KEY_NAMES, ownPatternOf, prefixOf, schemaKey, splitterOf } from '../keys.js';
import { isUpgradable, readMark, SCHEMA, UNMARKED } from '../schema.js';
import { RedisScript } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';
import { needsUpgrade, upgrade } from '../upgrade/upgrade.js';
import { OtherSchemaError } from './other-schema-error.js';
import type { RedisConnections } from './redis-connections.js';
import { classified } from './redis-errors.js';
import { isOfThisSchema, markOf } from './tenant-mark.js';

const contactScript = new RedisScript(['own-keys'], 'first-contact');
const KEYS_AT_ONCE = '1000';

/**
 * Marks a Redis that no service has used as ours, upgrades data of an earlier schema, and refuses a Redis in which
 * another program has keys under our names.
 * @throws KeyTakenError, OtherSchemaError
 */
export async function checkKeys(connections: RedisConnections, logger: Logger, mayUpgrade: boolean): Promise<void> {
  const { namespace } = connections.config;
  const prefix = prefixOf(namespace, 'default');
  try {
    // A mark of another type is refused by the script below, which names the key.
    const mark = await markOf(connections, prefix);
    if (mark === null || (mark !== undefined && isUpgradable(mark)))
      await upgradeFormer(connections, logger, mark ?? UNMARKED, mayUpgrade);
    if (mark === null) await refuseOthers(connections, logger);
    await contactScript.run(connections.command(schemaKey(prefix)), [schemaKey(prefix)], [prefix]);
  } catch (error) {
    throw classified(error);
  }
}

/** A service announces its writes for about a minute. */
const WAITS_FOR_OTHERS_MS = 120_000;
const LOOKS_AGAIN_MS = 1000;

/** Upgrades data of an earlier schema, or refuses it. @throws OtherSchemaError */
async function upgradeFormer(
  connections: RedisConnections,
  logger: Logger,
  mark: string,
  mayUpgrade: boolean,
): Promise<void> {
  if (!(await needsUpgrade(connections))) return;
  if (!mayUpgrade) throw new OtherSchemaError(mark);
  const endsAt = performance.now() + WAITS_FOR_OTHERS_MS;
  let isTold = false;
  for (;;) {
    const done = await upgrade(connections);
    if (done.is === 'not-needed') return;
    if (done.is === 'upgraded') {
      logger.log(
        `upgraded the data in this Redis to schema ${SCHEMA}: ${done.renamed + done.packed} keys of ${done.tenants} tenants`,
      );
      if (done.left.length > 0) logger.warn(`keys of other programs stay: ${done.left.slice(0, 10).join(', ')}`);
      return;
    }
    if (performance.now() > endsAt) throw new OtherSchemaError(mark);
    if (!isTold)
      logger.warn('services of an earlier version still write to this Redis: the upgrade waits until they end');
    isTold = true;
    await new Promise((resolve) => setTimeout(resolve, Math.min(LOOKS_AGAIN_MS, done.forMs)));
  }
}

/**
 * Looks for keys under our names of which no mark says that they are ours. Scans the whole key space, so only a Redis
 * without a mark is searched: once, unless it lost its data.
 */
async function refuseOthers(connections: RedisConnections, logger: Logger): Promise<void> {
  const { namespace } = connections.config;
  const split = splitterOf(namespace);
  const marks = new Map<string, boolean>();
  const isOurs = async (prefix: string): Promise<boolean> => {
    const known = marks.get(prefix);
    if (known !== undefined) return known;
    const mark = await markOf(connections, prefix);
    const isMarked = isOfThisSchema(mark);
    if (typeof mark === 'string' && !isMarked && readMark(mark) !== undefined) throw new OtherSchemaError(mark);
    marks.set(prefix, isMarked);
    return isMarked;
  };
  for (const { ask } of await connections.nodes()) {
    let cursor = '0';
    do {
      const args = [cursor, 'MATCH', ownPatternOf(namespace), 'COUNT', KEYS_AT_ONCE];
      const [next, found] = listOf(await ask('SCAN', ...args).catch(unlessForbidden(logger)));
      cursor = textOf(next);
      for (const key of listOf(found).map(textOf)) {
        const parts = split(key);
        if (parts === undefined || !isOwnName(parts.rest) || (await isOurs(parts.prefix))) continue;
        const type = textOf(await ask('TYPE', key));
        // A bucket may be there before the mark. It is a number.
        const isBucket = parts.rest.startsWith(KEY_NAMES.limit) && type === 'string';
        if (isBucket && /^\d+$/.test(String(await ask('GET', key)))) continue;
        throw new KeyTakenError(key, type);
      }
    } while (cursor !== '0');
  }
}

const NO_KEYS = ['0', []];
const unlessForbidden = (logger: Logger) => (error: unknown) => {
  if (!(error instanceof Error) || !/NOPERM/.test(error.message)) throw error;
  logger.warn('this user of Redis may not run SCAN, so the service cannot look for keys of other programs');
  return NO_KEYS;
};
