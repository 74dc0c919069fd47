import { randomUUID } from 'node:crypto';
import type { RedisConfig } from '../../../config/config.js';
import { withTimeout } from '../../with-timeout.js';
import { hashTagOf } from '../connection/drivers/key-slot.js';
import type { ServerNode } from '../connection/drivers/redis-driver.js';
import { changesChannel, prefixOf, schemaKey, stateKey } from '../keys.js';
import { otherSchema } from '../connection/other-schema-error.js';
import { readMark, SCHEMA } from '../schema.js';
import { fail, ok, warn, type Answer } from './answer.js';
import { examineKeys } from './examine-keys.js';
import { RedisConnections } from '../connection/redis-connections.js';
import { RedisScript } from '../scripts/redis-script.js';
import { clocksOf, greatestSkewMs, skewsIn } from '../connection/server-clocks.js';
import { durabilityOf, factsOf, findingsOf, fullnessOf, type Finding } from '../connection/server-judgement.js';
import { ServerStates, type ServerState } from '../connection/server-state.js';

const probeScript = new RedisScript([], 'probe');

export interface Check extends Answer {
  readonly name: string;
}

export interface Examination {
  readonly target: string;
  readonly isReachable: boolean;
  readonly checks: readonly Check[];
}

const PINGS = 20;
const SLOW_MS = 10;
const CLOCK_ANSWERS_IN_MS = 2000;
const SUBSCRIBED_WITHIN_MS = 3000;
const FULL_COVERAGE = 'cluster-require-full-coverage';

/** Read-only checks of a Redis; the few probe keys are removed again. */
export async function examine(config: RedisConfig): Promise<Examination> {
  const connections = new RedisConnections(config, false);
  try {
    await connections.open();
    await connections.ready(prefixOf(config.namespace, 'default'), config.connectTimeoutMs);
    const target = connections.address;
    if (!connections.isReady) {
      const why = await connections.whyAway();
      const says = `${target} is unreachable${why === '' ? '' : `: ${why}`}`;
      const answer = fail(says, 'check the address, the password and the network');
      return { target, isReachable: false, checks: [{ name: 'connection', ...answer }] };
    }
    return { target, isReachable: true, checks: await checksOf(connections) };
  } finally {
    await connections.close();
  }
}

async function checksOf(connections: RedisConnections): Promise<readonly Check[]> {
  const { config } = connections;
  const serverStates = new ServerStates(connections);
  const { states, away } = await serverStates.read();
  const nodes = (await connections.nodes()).filter(({ address }) => !away.includes(address));
  const findings = findingsOf(states);
  const facts = factsOf(states);
  const byInfo = (name: Finding['about'], otherwise: Answer): Check => {
    const answer = judgement(name, findings) ?? otherwise;
    if (answer.status !== 'ok' || !serverStates.refused.has('INFO')) return { name, ...answer };
    return { name, status: 'unknown', says: 'this user may not run INFO', advice: 'grant +info for this check' };
  };
  return [
    { name: 'connection', ...connection(connections, away) },
    byInfo('version', ok(`Redis ${facts['redisVersion'] ?? 'of unknown version'}`)),
    byInfo('role', ok('it accepts writes')),
    byInfo('eviction', ok(`maxmemory-policy is ${facts['evictionPolicy'] ?? 'unknown'}`)),
    byInfo('persistence', ok(`a crash loses: ${durabilityOf(states)}`)),
    byInfo('replication', replication(config, facts['replicas'] as number | null)),
    byInfo('memory', memory(states)),
    ...coverage(states, findings),
    await guarded('clock', () => clock(connections)),
    await guarded('latency', () => latency(connections, nodes)),
    await guarded('commands', () => commands(connections)),
    await guarded('subscriptions', () => subscriptions(connections)),
    { name: 'namespace', ...namespace(config, states) },
    await guarded('schema', () => schema(connections)),
    await guarded('keys', () => examineKeys(connections, nodes)),
  ];
}

function connection({ address, config }: RedisConnections, away: readonly string[]): Answer {
  if (away.length === 0) return ok(`${address}, ${kindOf(config)}`);
  return fail(`${away.join(', ')} of ${address} do not answer`, 'start them, or fail over to their replicas');
}

function coverage(states: readonly ServerState[], findings: readonly Finding[]): Check[] {
  if (!states.some(({ info }) => info['cluster_enabled'] === '1')) return [];
  const name = 'coverage';
  const found = judgement(name, findings);
  if (found !== undefined) return [{ name, ...found }];
  const isKnown = states.every(({ config }) => config[FULL_COVERAGE] !== undefined);
  if (isKnown) return [{ name, ...ok(`${FULL_COVERAGE} is no: a master that is away stops its own tenants only`) }];
  const says = `${FULL_COVERAGE} is unknown: this user may not run CONFIG`;
  return [{ name, status: 'unknown', says, advice: `check on each server that ${FULL_COVERAGE} is no` }];
}

function kindOf({ topology, tls }: RedisConfig): string {
  const kind = { sentinel: 'by sentinels', cluster: 'a Cluster', rest: 'over HTTP' };
  return `${topology === undefined ? 'one server' : kind[topology.kind]}${tls === false ? '' : ', TLS'}`;
}

async function guarded(name: string, check: () => Promise<Answer>): Promise<Check> {
  try {
    return { name, ...(await check()) };
  } catch (error) {
    const says = (error instanceof Error ? error.message : String(error)).slice(0, 200);
    if (!/NOPERM|no permissions/i.test(says)) return { name, ...fail(says, 'look at the log of Redis') };
    return { name, status: 'unknown', says, advice: 'grant the command for this check' };
  }
}

function judgement(about: Finding['about'], findings: readonly Finding[]): Answer | undefined {
  const found = findings.filter((finding) => finding.about === about);
  if (found.length === 0) return undefined;
  return {
    status: found.some(({ level }) => level === 'error') ? 'fail' : 'warn',
    says: found.map(({ says }) => says).join('; '),
    ...(about === 'memory' && { advice: 'raise maxmemory, shorten WORKFLOW_STATE_TTL, or delete' }),
  };
}

function replication({ topology }: RedisConfig, replicas: number | null): Answer {
  if (replicas === null) return { status: 'unknown', says: 'the number of replicas is unknown' };
  if (replicas > 0) return ok(`each server has at least ${replicas}`);
  const advice = 'writes with Waymark-Durability: replicated get 504 without a replica';
  const wantsSome = topology?.kind === 'sentinel' || topology?.kind === 'cluster';
  if (wantsSome) return warn('a server has no replica, so no failover is possible', advice);
  return { ...ok('no replica'), advice };
}

function memory(states: readonly ServerState[]): Answer {
  const shares = states.map(({ info }) => fullnessOf(info)).filter((share) => share !== undefined);
  if (shares.length > 0) return ok(`${Math.round(Math.max(...shares) * 100)} % of maxmemory used`);
  return warn(
    'maxmemory is not set: when the machine is out of memory, the system ends Redis',
    'set maxmemory to at most 60 % of what the machine or container has, with maxmemory-policy noeviction',
  );
}

async function clock(connections: RedisConnections): Promise<Answer> {
  const clocks = await clocksOf(connections, CLOCK_ANSWERS_IN_MS);
  const skews = skewsIn(clocks);
  const many = clocks.length === 1 ? 'its clock and this one' : `this clock and those of ${clocks.length} servers`;
  if (skews.length === 0) return ok(`at most ${greatestSkewMs(clocks) ?? 0} ms between ${many}`);
  return warn(skews.join('; '), 'deadlines follow the clock of Redis, and a failover changes it');
}

async function latency({ canSubscribe }: RedisConnections, nodes: readonly ServerNode[]): Promise<Answer> {
  const times: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const started = performance.now();
    await nodes[i % nodes.length]?.ask('PING');
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const median = times[PINGS / 2] ?? 0;
  const worst = times.at(-1) ?? 0;
  const says = `a PING takes ${median.toFixed(1)} ms, at worst ${worst.toFixed(1)} ms`;
  if (median <= SLOW_MS || !canSubscribe) return ok(says);
  return warn(says, 'every write takes at least one round trip: bring service and Redis nearer together');
}

/** Runs with the permissions of this user, on the server that holds its keys. */
async function commands(connections: RedisConnections): Promise<Answer> {
  const prefix = prefixOf(connections.config.namespace, 'default');
  const key = stateKey(prefix);
  const reply = await probeScript.run(connections.command(key), [key], [prefix, randomUUID()]);
  const failed = reply as [command: string, why: string][];
  if (failed.length === 0) return ok('all commands of the scripts may be run');
  if (failed.every(([, why]) => why.includes('OOM')))
    return fail('the server is full and refuses writes', 'raise maxmemory or delete');
  const names = failed.map(([command]) => command.toLowerCase());
  return fail(
    `refused: ${names.join(', ')} (${failed[0]?.[1]})`,
    `grant ${names.map((one) => `+${one}`).join(' ')}, or see docs/redis.md`,
  );
}

async function subscriptions(connections: RedisConnections): Promise<Answer> {
  const subscriber = connections.subscriber();
  if (subscriber === undefined)
    return ok('not available over HTTP: waiting requests see changes by other replicas within 2 s');
  const channel = changesChannel(prefixOf(connections.config.namespace, 'default'));
  const subscribed = subscriber.subscribe(channel).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const refused = await withTimeout(subscribed, SUBSCRIBED_WITHIN_MS, () => 'no answer');
  if (refused === undefined) return ok('subscriptions work');
  return warn(
    `refused (${refused}): waiting requests see changes within 2 s, not at once`,
    'grant +@pubsub and the channels of the namespace (&<namespace>:*)',
  );
}

function namespace({ namespace: name }: RedisConfig, states: readonly ServerState[]): Answer {
  const isCluster = states.some(({ info }) => info['cluster_enabled'] === '1');
  if (!isCluster || hashTagOf(name) !== undefined) return ok(name === '' ? 'none' : name);
  return fail(
    'this is a Cluster, and the namespace has no hash tag: the keys of a tenant would lie in many slots',
    'set REDIS_NAMESPACE to a hash tag, such as {prod}',
  );
}

async function schema(connections: RedisConnections): Promise<Answer> {
  const key = schemaKey(prefixOf(connections.config.namespace, 'default'));
  const mark = await connections.command(key).get(key);
  if (mark === null) return ok('none yet: no service has used this Redis');
  if (readMark(mark)?.schema === SCHEMA) return ok(`${SCHEMA}, as this version writes it`);
  return fail(otherSchema(mark), 'use the version of the service that wrote it, or another REDIS_NAMESPACE');
}
