import { Logger } from '@nestjs/common';
import { hashTagOf } from './drivers/key-slot.js';
import { schemaKey } from '../keys.js';
import type { RedisConnections } from './redis-connections.js';
import { unlessFull } from './redis-errors.js';
import { durabilityOf, factsOf, findingsOf } from './server-judgement.js';
import { ServerStates, type ServerState } from './server-state.js';

/** Redis is reachable, but its configuration or data must not be used. */
export class UnfitRedisError extends Error {}

/** Raised when keys or their fields change meaning. Data of another schema is refused. */
export const SCHEMA = '3';

/** Logs the facts about the server. @throws UnfitRedisError with a text for the operator. */
export async function checkServer(connections: RedisConnections, logger = new Logger('Redis')): Promise<void> {
  const serverStates = new ServerStates(connections);
  const states = await serverStates.read();
  checkCluster(connections, states, logger);
  const findings = findingsOf(states);
  const eviction = findings.find(({ about }) => about === 'eviction');
  if (eviction !== undefined && !connections.config.allowEviction)
    throw new UnfitRedisError(`${eviction.says}, or set ALLOW_EVICTION=true to serve anyway`);
  await checkSchema(connections);
  if (serverStates.refused.size > 0)
    logger.warn(
      `this user of Redis may not run ${[...serverStates.refused].join(' and ')}, so the service cannot check everything`,
    );
  for (const { level, says } of findings) logger[level](says);
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

/** @throws UnfitRedisError */
async function checkSchema(connections: RedisConnections): Promise<void> {
  const key = schemaKey(connections.config.namespace);
  const client = connections.command();
  const known = await client.get(key);
  if (known === null) {
    // A full server must not stop the start; writes report it.
    await client.set(key, SCHEMA, 'NX').catch(unlessFull);
  } else if (known !== SCHEMA) {
    throw new UnfitRedisError(
      `The data in this Redis is of schema ${known}; this version of the service reads schema ${SCHEMA} only`,
    );
  }
}
