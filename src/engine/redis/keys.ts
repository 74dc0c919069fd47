import { hashTagOf } from './connection/drivers/key-slot.js';

/**
 * Prefix of all keys of a tenant. Names of tenants hold no braces, so the tag of another tenant cannot be forged. A Cluster goes by the
 * first tag of a key: where the namespace has one, the tenant's name joins it, so that tenants spread over the slots.
 */
export function prefixOf(namespace: string, tenant: string): string {
  const own = namespace === '' ? '' : `${namespace}:`;
  if (tenant === 'default') return own;
  const tag = hashTagOf(namespace);
  return tag === undefined ? `${own}{${tenant}}:` : own.replace(`{${tag}}`, () => `{${tag}:${tenant}}`);
}

/**
 * Names of keys behind the prefix of a tenant; one that ends in ':' goes on with an id or another name. In a Lua script
 * `key_names.NAME` stands for the text here; see scripts/redis-script.ts.
 */
export const KEY_NAMES = {
  state: 'document_workflow:',
  meta: 'document_workflow_meta:',
  history: 'document_workflow_history:',
  index: 'document_workflow_index:',
  tasksOfWorkflow: 'document_workflow_tasks:',
  /** The conflict records of a workflow; beside it a key for the state of each. */
  conflicts: 'document_workflow_conflicts:',
  conflictState: 'document_workflow_conflict:',
  once: 'once:',
  fence: 'fence:',
  /** Names of the queues there are, all with score 0. */
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
  /** Names the epoch of the feed; see scripts/feed/modules/feed-epoch.lua. */
  eventsEpoch: 'events:epoch',
  board: 'board:',
  /** Buckets of rate limits; see bucket.ts. */
  limit: 'limit:',
  /** Shows that a replica has what came before it; see connection/confirmer.ts. */
  confirmed: 'confirmed',
  probe: 'probe:',
  /** Never holds anything: asks the server whether it takes writes, and whether it has the whole slot. */
  nothing: 'nothing',
  alsoNothing: 'nothing-else',
} as const;

/** A channel, not a key: scripts publish here what has changed. A hint for waiters, never the truth. */
export const CHANGES = 'changes';

/** Names behind the namespace, shared by all tenants. */
const SHARED_NAMES = {
  /** The tenants that have data, for the sweepers. */
  tenants: 'tenants',
  /** Version of the shape of the keys. */
  schema: 'schema',
  /** Names the data in this Redis, and is lost with it. */
  epoch: 'epoch',
} as const;

/** Whether a key is one of this service's, by what stands behind the prefix. */
export function isOwnName(rest: string): boolean {
  return [...Object.values(KEY_NAMES), ...Object.values(SHARED_NAMES)].some((name) =>
    name.endsWith(':') ? rest.startsWith(name) : rest === name,
  );
}

const shared = (name: keyof typeof SHARED_NAMES) => (namespace: string) =>
  namespace === '' ? SHARED_NAMES[name] : `${namespace}:${SHARED_NAMES[name]}`;
export const tenantsKey = shared('tenants');
export const schemaKey = shared('schema');
export const epochKey = shared('epoch');

const named =
  (name: keyof typeof KEY_NAMES) =>
  (prefix: string, id = ''): string =>
    `${prefix}${KEY_NAMES[name]}${id}`;
export const stateKey = named('state');
export const metaKey = named('meta');
export const onceKey = named('once');
export const fenceKey = named('fence');
export const queuesKey = named('queues');
export const queueSettingsKey = named('queueSettings');
export const feedKey = named('events');
export const bucketKey = named('limit');
export const confirmedKey = named('confirmed');
export const changesChannel = (prefix: string): string => `${prefix}${CHANGES}`;
