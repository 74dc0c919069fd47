import type { ServerState } from './server-state.js';

/** Share of the memory limit above which the operator is warned. */
const NEARLY_FULL = 0.9;

/** A problem of a server and its remedy, for the operator. */
export interface Finding {
  readonly level: 'warn' | 'error';
  readonly about: 'eviction' | 'persistence' | 'memory' | 'role' | 'version' | 'replication' | 'coverage';
  readonly says: string;
}

/** Oldest version with all commands of the scripts. */
const MIN_VERSION = [6, 2];

export function findingsOf(states: readonly ServerState[]): Finding[] {
  return states.flatMap((state) => {
    const where = states.length > 1 ? `${state.address}: ` : '';
    return findingsOfOne(state).map((finding) => ({ ...finding, says: where + finding.says }));
  });
}

function findingsOfOne(state: ServerState): Finding[] {
  const { info, config } = state;
  const found: Finding[] = [];
  const error = (about: Finding['about'], says: string) => found.push({ level: 'error', about, says });
  const warn = (about: Finding['about'], says: string) => found.push({ level: 'warn', about, says });
  const policy = policyOf(state);
  if (evicts(policy)) {
    const effect = 'at its memory limit Redis silently drops live workflows';
    error('eviction', `maxmemory-policy is ${policy}: ${effect}; set it to noeviction`);
  }
  if (info['aof_enabled'] === '0') {
    if (config['save'] === '') {
      error('persistence', 'nothing is kept on disk: a crash of Redis loses everything; set appendonly yes');
    } else {
      const loss = 'a crash of Redis loses what was written since its last snapshot';
      warn('persistence', `appendonly is off: ${loss}; set appendonly yes`);
    }
  }
  if (info['aof_last_write_status'] === 'err')
    error('persistence', 'the last write of the append-only file failed; look at the disk of Redis');
  if (info['rdb_last_bgsave_status'] === 'err')
    warn('persistence', 'the last snapshot failed; look at the disk and the memory of Redis');
  const fullness = fullnessOf(info);
  if (fullness !== undefined && fullness > NEARLY_FULL) {
    const effect = 'at 100 % Redis refuses writes; deletes and ends of tasks are still accepted';
    error('memory', `memory is ${Math.round(fullness * 100)} % full; ${effect}. Raise maxmemory`);
  }
  if (info['role'] === 'slave') error('role', 'it is a replica, which takes no writes; connect to its master');
  if (config['cluster-require-full-coverage'] === 'yes') {
    const effect = 'while one master is away, all masters refuse everything';
    if (info['cluster_enabled'] === '1')
      error('coverage', `cluster-require-full-coverage is yes: ${effect}; set it to no`);
  }
  const version = info['redis_version'];
  if (isTooOld(version))
    error('version', `version ${version} is older than ${MIN_VERSION.join('.')}, the oldest that the scripts run on`);
  return found;
}

export function policyOf({ info, config }: Pick<ServerState, 'info' | 'config'>): string | undefined {
  return info['maxmemory_policy'] ?? config['maxmemory-policy'];
}

export function evicts(policy: string | undefined): boolean {
  return policy !== undefined && policy !== 'noeviction';
}

/** From 0 to 1; undefined without a limit. */
export function fullnessOf(info: ServerState['info']): number | undefined {
  const [used, maxMemory] = [Number(info['used_memory']), Number(info['maxmemory'])];
  return maxMemory > 0 && Number.isFinite(used) ? used / maxMemory : undefined;
}

function isTooOld(version: string | undefined): boolean {
  if (version === undefined) return false;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < (MIN_VERSION[0] as number) || (major === MIN_VERSION[0] && minor < (MIN_VERSION[1] as number));
}

const DURABILITY_OF_FSYNC: Readonly<Record<string, { rank: number; says: string }>> = {
  always: { rank: 5, says: 'append-only file, flushed at every write: nothing' },
  everysec: { rank: 4, says: 'append-only file, flushed every second: at most about 1 s' },
  no: { rank: 3, says: 'append-only file, flushed by the operating system: at most about 30 s' },
};
const UNKNOWN_FSYNC = {
  rank: 3,
  says: 'append-only file: depends on its appendfsync (everysec: at most about 1 s, always: nothing)',
};

/** Possible loss by a crash of Redis; of several servers, that of the least durable one. */
export function durabilityOf(states: readonly ServerState[]): string {
  return states.map(durabilityOfOne).toSorted((a, b) => a.rank - b.rank)[0]?.says ?? 'unknown';
}

function durabilityOfOne({ info, config }: ServerState): { rank: number; says: string } {
  if (info['aof_enabled'] === undefined) return { rank: 2, says: 'unknown: INFO and CONFIG are not allowed' };
  if (info['aof_enabled'] === '1') return DURABILITY_OF_FSYNC[config['appendfsync'] ?? ''] ?? UNKNOWN_FSYNC;
  return config['save'] === ''
    ? { rank: 0, says: 'nothing is kept over a crash' }
    : { rank: 1, says: 'snapshots only: everything since the last one' };
}

/** Facts for health and log. Of several servers: sums and minimums. */
export function factsOf(states: readonly ServerState[]): Record<string, string | number | boolean | null> {
  const [first] = states;
  const known = (name: string) => states.map(({ info }) => info[name]).filter((value) => value !== undefined);
  const sum = (name: string) =>
    known(name).length === 0 ? null : known(name).reduce((all, one) => all + Number(one), 0);
  const aof = known('aof_enabled');
  const limits = known('maxmemory').map(Number);
  return {
    redisVersion: first?.info['valkey_version'] ?? first?.info['redis_version'] ?? null,
    servers: states.length,
    evictionPolicy: states.map(policyOf).find(evicts) ?? (first === undefined ? null : (policyOf(first) ?? null)),
    appendOnly: aof.length === 0 ? null : aof.every((one) => one === '1'),
    snapshots: first?.config['save'] === undefined ? null : first.config['save'] !== '',
    replicas: known('connected_slaves').length === 0 ? null : Math.min(...known('connected_slaves').map(Number)),
    usedMemoryBytes: sum('used_memory'),
    maxMemoryBytes: limits.length === 0 || limits.includes(0) ? null : sum('maxmemory'),
  };
}
