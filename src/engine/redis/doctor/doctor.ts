import { randomUUID } from 'node:crypto';
import type { RedisConfig } from '../../../config/config.js';
import { withTimeout } from '../../with-timeout.js';
import { hashTagOf } from '../connection/drivers/key-slot.js';
import type { ServerNode } from '../connection/drivers/redis-driver.js';
import { changesChannel, isOwnName, prefixOf, schemaKey, stateKey } from '../keys.js';
import { RedisConnections } from '../connection/redis-connections.js';
import { RedisScript } from '../scripts/redis-script.js';
import { SCHEMA } from '../connection/server-check.js';
import { durabilityOf, factsOf, findingsOf, fullnessOf, type Finding } from '../connection/server-judgement.js';
import { ServerStates, type ServerState } from '../connection/server-state.js';

const probeScript = new RedisScript([], 'probe');

export interface Check {
  readonly name: string;
  /** 'unknown': could not be checked, which is no failure. */
  readonly status: 'ok' | 'warn' | 'fail' | 'unknown';
  readonly says: string;
  readonly advice?: string;
}

export interface Examination {
  readonly target: string;
  readonly isReachable: boolean;
  readonly checks: readonly Check[];
}

const PINGS = 20;
const SLOW_MS = 10;
const SKEW_MS = 2000;
/** Keys that are examined. */
const SAMPLED = 5000;
const SCAN_AT_ONCE = 500;
const SUBSCRIBED_WITHIN_MS = 3000;

/** Read-only checks of a Redis; the few probe keys are removed again. */
export async function examine(config: RedisConfig): Promise<Examination> {
  const connections = new RedisConnections(config, false);
  try {
    await connections.open();
    await connections.ready(config.connectTimeoutMs);
    const target = connections.address;
    if (!connections.isReady) {
      const why = await connections.whyAway();
      const says = `${target} is unreachable${why === '' ? '' : `: ${why}`}`;
      const advice = 'check the address, the password and the network';
      return { target, isReachable: false, checks: [{ name: 'connection', status: 'fail', says, advice }] };
    }
    return { target, isReachable: true, checks: await checksOf(connections) };
  } finally {
    await connections.close();
  }
}

async function checksOf(connections: RedisConnections): Promise<readonly Check[]> {
  const asked = new ServerStates(connections);
  const states = await asked.read();
  const nodes = await connections.nodes();
  const findings = findingsOf(states);
  const judged = (about: Finding['about'], says: string): Check => judgement(about, findings, says);
  const facts = factsOf(states);
  const knows = asked.refused.has('INFO') ? { status: 'unknown' as const } : undefined;
  const unasked = (check: Check): Check =>
    knows === undefined || check.status !== 'ok'
      ? check
      : { ...check, ...knows, says: 'this user may not ask (INFO)', advice: 'grant +info to know' };
  return [
    { name: 'connection', status: 'ok', says: `${connections.address}, ${kindOf(connections.config)}` },
    unasked(judged('version', `Redis ${facts['redisVersion'] ?? 'of unknown version'}`)),
    unasked(judged('role', 'it takes writes')),
    unasked(judged('eviction', `maxmemory-policy is ${facts['evictionPolicy'] ?? 'not told'}`)),
    unasked(judged('persistence', `a crash loses: ${durabilityOf(states)}`)),
    unasked(replication(connections.config, facts['replicas'] as number | null)),
    unasked(memory(states, findings)),
    await guarded('clock', () => clock(nodes)),
    await guarded('latency', () => latency(connections)),
    await guarded('commands', () => commands(connections)),
    await guarded('subscriptions', () => subscriptions(connections)),
    namespace(connections.config, states),
    await guarded('schema', () => schema(connections)),
    await guarded('keys', () => keys(connections.config, nodes)),
  ];
}

function kindOf({ topology, tls }: RedisConfig): string {
  const kind = { sentinel: 'by sentinels', cluster: 'a Cluster', rest: 'over HTTP' };
  return `${topology === undefined ? 'one server' : kind[topology.kind]}${tls === false ? '' : ', TLS'}`;
}

async function guarded(name: string, check: () => Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isForbidden = /NOPERM|no permissions/i.test(message);
    return {
      name,
      status: isForbidden ? 'unknown' : 'fail',
      says: message.slice(0, 200),
      advice: isForbidden ? 'grant the command to know' : 'look at the log of Redis',
    };
  }
}

function judgement(about: Finding['about'], findings: readonly Finding[], otherwise: string): Check {
  const found = findings.filter((finding) => finding.about === about);
  if (found.length === 0) return { name: about, status: 'ok', says: otherwise };
  const isError = found.some(({ level }) => level === 'error');
  return { name: about, status: isError ? 'fail' : 'warn', says: found.map(({ says }) => says).join('; ') };
}

function replication({ topology }: RedisConfig, replicas: number | null): Check {
  const name = 'replication';
  if (replicas === null) return { name, status: 'unknown', says: 'the number of replicas is not told' };
  if (replicas > 0) return { name, status: 'ok', says: `each server has at least ${replicas}` };
  const wantsSome = topology?.kind === 'sentinel' || topology?.kind === 'cluster';
  return {
    name,
    status: wantsSome ? 'warn' : 'ok',
    says: wantsSome ? 'a server has no replica, so no failover is possible' : 'no replica',
    advice: 'Waymark-Durability: replicated needs one; without, such writes are answered 504',
  };
}

function memory(states: readonly ServerState[], findings: readonly Finding[]): Check {
  const found = judgement('memory', findings, '');
  if (found.status !== 'ok') return { ...found, advice: 'raise maxmemory, shorten WORKFLOW_STATE_TTL, or delete' };
  const shares = states.map(({ info }) => fullnessOf(info)).filter((share) => share !== undefined);
  if (shares.length > 0)
    return { name: 'memory', status: 'ok', says: `${Math.round(Math.max(...shares) * 100)} % of maxmemory used` };
  return {
    name: 'memory',
    status: 'warn',
    says: 'maxmemory is not set: when the machine is out of memory, the system ends Redis',
    advice: 'set maxmemory to at most 60 % of what the machine or container has, with maxmemory-policy noeviction',
  };
}

async function clock(nodes: readonly ServerNode[]): Promise<Check> {
  const skews = await Promise.all(
    nodes.map(async (node) => {
      const before = Date.now();
      const [seconds, micros] = (await node.ask('TIME')) as [string, string];
      const after = Date.now();
      const theirs = Number(seconds) * 1000 + Number(micros) / 1000;
      // Within the round trip a skew cannot be measured.
      return Math.max(0, before - theirs, theirs - after);
    }),
  );
  const skew = Math.round(Math.max(...skews));
  const isOff = skew > SKEW_MS;
  return {
    name: 'clock',
    status: isOff ? 'warn' : 'ok',
    says: `${skew} ms between its clock and this one`,
    ...(isOff && { advice: 'deadlines go by the clock of Redis: synchronise both (chrony, ntpd)' }),
  };
}

async function latency(connections: RedisConnections): Promise<Check> {
  const times: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const started = performance.now();
    await connections.command().ping();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const median = times[PINGS / 2] ?? 0;
  const worst = times.at(-1) ?? 0;
  const isSlow = median > SLOW_MS && connections.canSubscribe;
  return {
    name: 'latency',
    status: isSlow ? 'warn' : 'ok',
    says: `a PING takes ${median.toFixed(1)} ms, at worst ${worst.toFixed(1)} ms`,
    ...(isSlow && { advice: 'every write takes at least one round trip: bring service and Redis nearer together' }),
  };
}

/** Runs with the permissions of this user, on the server that holds its keys. */
async function commands(connections: RedisConnections): Promise<Check> {
  const prefix = prefixOf(connections.config.namespace, 'default');
  const name = randomUUID();
  const failed = (await probeScript.run(connections.command(), [stateKey(prefix, '')], [prefix, name])) as [
    string,
    string,
  ][];
  if (failed.length === 0) return { name: 'commands', status: 'ok', says: 'all commands of the scripts may be run' };
  const isFull = failed.every(([, why]) => why.includes('OOM'));
  const names = failed.map(([command]) => command.toLowerCase());
  return {
    name: 'commands',
    status: 'fail',
    says: isFull ? 'the server is full and refuses writes' : `refused: ${names.join(', ')} (${failed[0]?.[1]})`,
    advice: isFull
      ? 'raise maxmemory or delete'
      : `grant ${names.map((one) => `+${one}`).join(' ')}, or see docs/redis.md`,
  };
}

async function subscriptions(connections: RedisConnections): Promise<Check> {
  const subscriber = connections.subscriber();
  if (subscriber === undefined)
    return {
      name: 'subscriptions',
      status: 'ok',
      says: 'none over HTTP: waiting requests see changes by other replicas within 2 s',
    };
  const channel = changesChannel(prefixOf(connections.config.namespace, 'default'));
  const asked = subscriber.subscribe(channel).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const refused = await withTimeout(asked, SUBSCRIBED_WITHIN_MS, () => 'no answer');
  if (refused === undefined) return { name: 'subscriptions', status: 'ok', says: 'changes can be heard of' };
  return {
    name: 'subscriptions',
    status: 'warn',
    says: `refused (${refused}): waiting requests see changes within 2 s, not at once`,
    advice: 'grant +@pubsub and the channels of the namespace (&<namespace>:*)',
  };
}

function namespace({ namespace: name }: RedisConfig, states: readonly ServerState[]): Check {
  const isCluster = states.some(({ info }) => info['cluster_enabled'] === '1');
  if (isCluster && hashTagOf(name) === undefined)
    return {
      name: 'namespace',
      status: 'fail',
      says: 'this is a Cluster, and the namespace has no hash tag: the keys of a tenant would lie in many slots',
      advice: 'set REDIS_NAMESPACE to a hash tag, such as {prod}',
    };
  return { name: 'namespace', status: 'ok', says: name === '' ? 'none' : name };
}

async function schema(connections: RedisConnections): Promise<Check> {
  const known = await connections.command().get(schemaKey(connections.config.namespace));
  if (known === SCHEMA) return { name: 'schema', status: 'ok', says: `${SCHEMA}, written by a service before` };
  if (known === null) return { name: 'schema', status: 'ok', says: 'none yet: no service has been here' };
  return {
    name: 'schema',
    status: 'fail',
    says: `${known}, and this version reads ${SCHEMA} only`,
    advice: 'use the version of the service that wrote it, or another REDIS_NAMESPACE',
  };
}

async function keys({ namespace: name }: RedisConfig, nodes: readonly ServerNode[]): Promise<Check> {
  const tag = hashTagOf(name);
  const prefix = name === '' ? '' : `${name}:`;
  // Prefix of other tenants, whose tag follows the namespace or lies within it.
  const tenant = tag === undefined ? `${prefix}{` : name.replace(`{${tag}}`, () => `{${tag}:`);
  let [seen, foreign, unfinished] = [0, 0, false];
  for (const node of nodes) {
    let cursor = '0';
    do {
      const [next, found] = (await node.ask(
        'SCAN',
        cursor,
        'MATCH',
        `${(tag === undefined ? prefix : name.slice(0, name.indexOf('}'))).replace(/[*?[\]\\]/g, '\\$&')}*`,
        'COUNT',
        String(SCAN_AT_ONCE),
      )) as [string | number, string[]];
      cursor = String(next);
      for (const key of found) {
        const rest = key.startsWith(tenant)
          ? key.slice(key.indexOf('}:', tenant.length - 1) + 2)
          : key.startsWith(prefix)
            ? key.slice(prefix.length)
            : undefined;
        if (rest === undefined) continue;
        seen++;
        if (!isOwnName(rest)) foreign++;
      }
    } while (cursor !== '0' && seen < SAMPLED);
    unfinished ||= cursor !== '0';
  }
  const where = `${unfinished ? 'of the first ' : ''}${seen} keys${name === '' ? '' : ` of ${name}`}`;
  if (foreign === 0) return { name: 'keys', status: 'ok', says: `${where}: all are Waymark's` };
  return {
    name: 'keys',
    status: 'warn',
    says: `${where}: ${foreign} are of other programs`,
    advice: 'give Waymark a REDIS_NAMESPACE or a database of its own, so that no program deletes keys of another',
  };
}
