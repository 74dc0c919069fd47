import { Logger } from '@nestjs/common';
import { hashTagOf } from './drivers/key-slot.js';
import { KeyTakenError } from '../../errors.js';
import { checkKeys } from './key-check.js';
import { OtherSchemaError } from './other-schema-error.js';
import type { RedisConnections } from './redis-connections.js';
import { durabilityOf, factsOf, findingsOf } from './server-judgement.js';
import { ServerStates, type ServerState } from './server-state.js';

/** Redis is reachable, but its configuration or data must not be used. */
export class UnfitRedisError extends Error {}

/**
 * Logs the facts about the server. `mayUpgrade`: data of an earlier schema is upgraded.
 * @throws UnfitRedisError with a text for the operator
 */
export async function checkServer(
  connections: RedisConnections,
  logger = new Logger('Redis'),
  mayUpgrade = false,
): Promise<void> {
  const serverStates = new ServerStates(connections);
  const { states, away } = await serverStates.read();
  checkCluster(connections, states, logger);
  const findings = findingsOf(states);
  const eviction = findings.find(({ about }) => about === 'eviction');
  if (eviction !== undefined && !connections.config.allowEviction)
    throw new UnfitRedisError(`${eviction.says}, or set ALLOW_EVICTION=true to serve anyway`);
  await checkKeys(connections, logger, mayUpgrade).catch(asUnfit);
  if (serverStates.refused.size > 0)
    logger.warn(
      `this user of Redis may not run ${[...serverStates.refused].join(' and ')}, so the service cannot check everything`,
    );
  for (const { level, says } of findings) logger[level](says);
  if (away.length > 0) logger.error(`these servers do not answer: ${away.join(', ')}`);
  const { redisVersion, evictionPolicy, replicas, usedMemoryBytes, maxMemoryBytes } = factsOf(states);
  const used = usedMemoryBytes === null ? 'unknown' : mebibytes(Number(usedMemoryBytes));
  const maxMemory = maxMemoryBytes === null ? 'no limit' : mebibytes(Number(maxMemoryBytes));
  logger.log(
    `Redis ${redisVersion ?? 'of unknown version'}; a crash of it loses: ${durabilityOf(states)}; ` +
      `eviction ${evictionPolicy ?? 'unknown'}; replicas ${replicas ?? 'unknown'}; memory ${used} of ${maxMemory}`,
  );
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function checkCluster(connections: RedisConnections, states: readonly ServerState[], logger: Logger): void {
  if (!states.some(({ info }) => info['cluster_enabled'] === '1')) return;
  if (hashTagOf(connections.config.namespace) === undefined) {
    throw new UnfitRedisError(
      'This Redis is a Cluster, where all keys of a tenant must share one slot: set REDIS_NAMESPACE to a hash tag, such as {prod}',
    );
  }
  if (connections.config.topology?.kind !== 'cluster')
    logger.warn('This Redis is a node of a Cluster: name its nodes in REDIS_CLUSTER_NODES, or other slots are refused');
}

/** @throws UnfitRedisError in place of a KeyTakenError or an OtherSchemaError; any other error unchanged */
function asUnfit(error: unknown): never {
  if (error instanceof OtherSchemaError) throw new UnfitRedisError((error.cause as Error).message);
  if (!(error instanceof KeyTakenError)) throw error;
  throw new UnfitRedisError(
    `The key ${error.key} in this Redis is not ours: another program keeps a ${error.type} there. ` +
      'Rename it, or give Waymark a REDIS_NAMESPACE or a database of its own',
  );
}
