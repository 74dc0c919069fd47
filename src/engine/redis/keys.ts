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
  once: 'once:',
  fence: 'fence:',
  /** Names of all queues, all with score 0. */
  queues: 'queues',
  queue: 'queue:',
  queueSettings: 'queue:settings:',
  task: 'task:',
  payload: 'payload:',
  result: 'result:',
  failures: 'failures:',
  progress: 'progress:',
  dedupe: 'dedupe:',
  events: 'events',
  /** Name of the epoch of the feed; see scripts/feed/modules/feed-epoch.lua. */
  eventsEpoch: 'events:epoch',
  board: 'board:',
  /** Names of the boards, all with score 0. */
  boards: 'boards',
  /** Buckets of rate limits; see bucket.ts. */
  limit: 'limit:',
  /** Mark that a replica receives after the writes before it; see connection/confirmer.ts. */
  confirmed: 'confirmed',
  probe: 'probe:',
  /** Never exists. Scripts use it to find out whether the server accepts writes and has the whole slot. */
  nothing: 'nothing',
  alsoNothing: 'nothing-else',
} as const;

/** Pub/sub channel on which scripts publish hints: topics that may have changed. */
export const CHANGES = 'changes';

/** Names of keys that all tenants share, after the namespace. */
const SHARED_NAMES = {
  /** Names of the tenants that have data, by the time of their next sweep. */
  tenants: 'tenants',
  /** Names of the tenants that may be written now, by the end of their announcement; see sweep-schedule.ts. */
  activeTenants: 'tenants:active',
  /** Number of the schema of the keys. */
  schema: 'schema',
  /** Random name of the data in this Redis. Another name means that the data was lost or replaced. */
  epoch: 'epoch',
} as const;

/** Whether a key belongs to this service. `rest` is the key without the prefix of its tenant. */
export function isOwnName(rest: string): boolean {
  return [...Object.values(KEY_NAMES), ...Object.values(SHARED_NAMES)].some((name) =>
    name.endsWith(':') ? rest.startsWith(name) : rest === name,
  );
}

const shared = (name: keyof typeof SHARED_NAMES) => (namespace: string) =>
  namespace === '' ? SHARED_NAMES[name] : `${namespace}:${SHARED_NAMES[name]}`;
export const tenantsKey = shared('tenants');
export const activeTenantsKey = shared('activeTenants');
export const schemaKey = shared('schema');
export const epochKey = shared('epoch');

const named =
  (name: keyof typeof KEY_NAMES) =>
  (prefix: string, id = ''): string =>
    `${prefix}${KEY_NAMES[name]}${id}`;
export const stateKey = named('state');
export const metaKey = named('meta');
export const historyKey = named('history');
export const onceKey = named('once');
export const fenceKey = named('fence');
export const queuesKey = named('queues');
export const queueSettingsKey = named('queueSettings');
export const feedKey = named('events');
export const boardsKey = named('boards');
export const bucketKey = named('limit');
export const confirmedKey = named('confirmed');
export const changesChannel = (prefix: string): string => `${prefix}${CHANGES}`;
