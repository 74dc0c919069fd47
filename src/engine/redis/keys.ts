import { hashTagOf } from './connection/drivers/key-slot.js';

/**
 * Prefix of all keys of a tenant.
 * A Cluster chooses the slot by the first hash tag of a key. If the namespace has a hash tag, the name of the tenant is
 * added to it, so that tenants spread over the slots.
 * Names of tenants have no braces, so no tenant can forge the tag of another.
 */
export function prefixOf(namespace: string, tenant: string): string {
  const own = namespace === '' ? '' : `${namespace}:`;
  if (tenant === 'default') return own;
  const tag = hashTagOf(namespace);
  return tag === undefined ? `${own}{${tenant}}:` : own.replace(`{${tag}}`, () => `{${tag}:${tenant}}`);
}

/** Prefix of every name that no older program knows, so that a database can be shared with other programs. */
export const OWN = 'waymark:';
const own = <Name extends string>(name: Name): `${typeof OWN}${Name}` => `${OWN}${name}`;

/**
 * Names of keys, after the prefix of a tenant. A name that ends in ':' is followed by an id or another name.
 * In a Lua script `key_names.NAME` is replaced by the text here; see scripts/redis-script.ts.
 */
export const KEY_NAMES = {
  state: 'document_workflow:',
  meta: 'document_workflow_meta:',
  history: 'document_workflow_history:',
  index: 'document_workflow_index:',
  tasksOfWorkflow: 'document_workflow_tasks:',
  /** The conflict records of a workflow. The state of each has a key of its own (`conflictState`). */
  conflicts: 'document_workflow_conflicts:',
  conflictState: 'document_workflow_conflict:',
  /** Mark of the tenant: the keys beside it are ours and of this schema; see schema.ts. */
  schema: own('schema'),
  once: own('once:'),
  fence: own('fence:'),
  /** Names of all queues, all with score 0. */
  queues: own('queues'),
  /**
   * Names of all queues, by the time of their next sweep; see scripts/tasks/modules/queue-times.lua. Earlier versions take
   * it for a part of a queue, and so erase it with its tenant.
   */
  queueTimes: own('queue:times'),
  queue: own('queue:'),
  queueSettings: own('queue:settings:'),
  task: own('task:'),
  payload: own('payload:'),
  result: own('result:'),
  failures: own('failures:'),
  progress: own('progress:'),
  dedupe: own('dedupe:'),
  events: own('events'),
  /** Name of the epoch of the feed; see scripts/feed/modules/feed-epoch.lua. */
  eventsEpoch: own('events:epoch'),
  /** Highest time that scripts have had; see scripts/call/modules/clock.lua. */
  clock: own('clock'),
  board: own('board:'),
  /** Names of the boards, all with score 0. */
  boards: own('boards'),
  /** Buckets of rate limits; see bucket.ts. */
  limit: own('limit:'),
  /** Histories on their way into a workflow; see scripts/moving/stage-history.lua. */
  moved: own('moved:'),
  /** Mark that a replica receives after the writes before it; see connection/confirmer.ts. */
  confirmed: own('confirmed'),
  probe: own('probe:'),
  /** Never exists. Scripts use it to find out whether the server accepts writes and has the whole slot. */
  nothing: own('nothing'),
  alsoNothing: own('nothing-else'),
} as const;

/** Pub/sub channel on which scripts publish hints: topics that may have changed. */
export const CHANGES = own('changes');

/** Names of keys that all tenants share, after the prefix of the default tenant. */
const SHARED_NAMES = {
  /** Names of the tenants that have data, by the time of their next sweep. */
  tenants: own('tenants'),
  /** Names of the tenants that may be written now, by the end of their announcement; see sweep-schedule.ts. */
  activeTenants: own('tenants:active'),
  /** Random name of the data of a server. Another name means that the data was lost or replaced. */
  epoch: own('epoch'),
} as const;

export type KeyType = 'string' | 'hash' | 'list' | 'zset' | 'stream';

/** Types of the keys under each name. Of several names that fit a key, the longest one counts. */
export const KEY_TYPES: Readonly<Record<string, KeyType>> = {
  [KEY_NAMES.state]: 'string',
  [KEY_NAMES.meta]: 'string',
  [KEY_NAMES.history]: 'list',
  [KEY_NAMES.index]: 'zset',
  [KEY_NAMES.tasksOfWorkflow]: 'zset',
  [KEY_NAMES.conflicts]: 'hash',
  [KEY_NAMES.conflictState]: 'string',
  [KEY_NAMES.schema]: 'string',
  [KEY_NAMES.once]: 'string',
  [KEY_NAMES.fence]: 'string',
  [KEY_NAMES.queues]: 'zset',
  [KEY_NAMES.queueTimes]: 'zset',
  [KEY_NAMES.queue]: 'zset',
  [KEY_NAMES.queueSettings]: 'hash',
  [`${KEY_NAMES.queue}rate:`]: 'string',
  [KEY_NAMES.task]: 'string',
  [KEY_NAMES.payload]: 'string',
  [KEY_NAMES.result]: 'string',
  [KEY_NAMES.failures]: 'list',
  [KEY_NAMES.progress]: 'stream',
  [KEY_NAMES.dedupe]: 'string',
  [KEY_NAMES.events]: 'stream',
  [KEY_NAMES.eventsEpoch]: 'string',
  [KEY_NAMES.clock]: 'string',
  [`${KEY_NAMES.board}counts:`]: 'hash',
  [`${KEY_NAMES.board}notices:`]: 'hash',
  [`${KEY_NAMES.board}ends:`]: 'zset',
  [`${KEY_NAMES.board}entries:`]: 'list',
  [KEY_NAMES.boards]: 'zset',
  [KEY_NAMES.limit]: 'string',
  [KEY_NAMES.moved]: 'list',
  [KEY_NAMES.confirmed]: 'string',
  [SHARED_NAMES.tenants]: 'zset',
  [SHARED_NAMES.activeTenants]: 'zset',
  [SHARED_NAMES.epoch]: 'string',
};

const NAMES_BY_LENGTH = Object.keys(KEY_TYPES).toSorted((a, b) => b.length - a.length);

/**
 * Type that a key must have; undefined if its name is not one of ours. `rest` is the key without the prefix of its
 * tenant.
 */
export function typeOfKey(rest: string): KeyType | undefined {
  const name = NAMES_BY_LENGTH.find((one) => (one.endsWith(':') ? rest.startsWith(one) : rest === one));
  return name === undefined ? undefined : KEY_TYPES[name];
}

/** Indexes that every tenant with workflows has. */
const FIXED_INDEXES = ['updated', 'created', 'deadline', 'ids'];
const FIXED_NAMES = [
  ...FIXED_INDEXES.map((name) => KEY_NAMES.index + name),
  ...Object.keys(KEY_TYPES).filter((name) => name.startsWith(OWN) && !name.endsWith(':') && name !== KEY_NAMES.schema),
];

/**
 * Names and types, in turn, of the keys that a tenant has only once, without its mark. Scripts check them at the first
 * contact; see own-keys.lua.
 */
export const FIXED_KEYS: readonly string[] = [
  ...FIXED_NAMES.flatMap((name) => [name, typeOfKey(name) as string]),
  ...[KEY_NAMES.nothing, KEY_NAMES.alsoNothing].flatMap((name) => [name, 'none']),
];

/** Whether a name is one that no older program knows. `rest` is the key without the prefix of its tenant. */
export function isOwnName(rest: string): boolean {
  return rest.startsWith(OWN) && typeOfKey(rest) !== undefined;
}

/** Pattern of SCAN for the keys that begin with `waymark:`, of all tenants of a namespace. It may match other keys too. */
export function ownPatternOf(namespace: string): string {
  return `${patternOf(namespace).slice(0, -1)}*${OWN}*`;
}

/**
 * Pattern of the keys of all tenants of the namespace. Tenants are named within the hash tag, so the pattern ends
 * before its closing brace.
 */
export function patternOf(namespace: string): string {
  const start =
    hashTagOf(namespace) === undefined ? prefixOf(namespace, 'default') : namespace.slice(0, namespace.indexOf('}'));
  return `${start.replace(/[*?[\]\\]/g, '\\$&')}*`;
}

/**
 * Returns a function that divides a key into the prefix of its tenant and the rest; its result is undefined for a key
 * outside of the namespace.
 */
export function splitterOf(namespace: string): (key: string) => { prefix: string; rest: string } | undefined {
  const own = prefixOf(namespace, 'default');
  const tag = hashTagOf(namespace);
  const otherTenants = tag === undefined ? `${own}{` : namespace.replace(`{${tag}}`, () => `{${tag}:`);
  return (key) => {
    const end = key.startsWith(otherTenants) ? key.indexOf('}:', otherTenants.length - 1) + 2 : 1;
    if (end > 1) return { prefix: key.slice(0, end), rest: key.slice(end) };
    return key.startsWith(own) ? { prefix: own, rest: key.slice(own.length) } : undefined;
  };
}

/**
 * Key of the clock of a tenant. All tenants share one clock, unless each has a slot of its own, which may be on a server
 * with another clock.
 */
export function clockKeyOf(namespace: string, tenant: string): string {
  const isApart = hashTagOf(namespace) !== undefined;
  return `${prefixOf(namespace, isApart ? tenant : 'default')}${KEY_NAMES.clock}`;
}

const shared = (name: keyof typeof SHARED_NAMES) => (namespace: string) =>
  `${prefixOf(namespace, 'default')}${SHARED_NAMES[name]}`;
export const tenantsKey = shared('tenants');
export const activeTenantsKey = shared('activeTenants');
/** Name of the data of the server that holds the prefix. */
export const epochKey = (prefix: string): string => `${prefix}${SHARED_NAMES.epoch}`;

const named =
  (name: keyof typeof KEY_NAMES) =>
  (prefix: string, id = ''): string =>
    `${prefix}${KEY_NAMES[name]}${id}`;
export const schemaKey = named('schema');
export const stateKey = named('state');
export const metaKey = named('meta');
export const historyKey = named('history');
export const onceKey = named('once');
export const fenceKey = named('fence');
export const queuesKey = named('queues');
export const feedKey = named('events');
export const boardsKey = named('boards');
export const bucketKey = named('limit');
export const confirmedKey = named('confirmed');
export const changesChannel = (prefix: string): string => `${prefix}${CHANGES}`;
