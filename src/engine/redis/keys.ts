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

/** Where sweepers find the tenants there are; in a slot of its own. */
export function tenantsKey(namespace: string): string {
  return namespace === '' ? 'tenants' : `${namespace}:tenants`;
}

/** Which shape the keys have; one for all tenants. */
export function schemaKey(namespace: string): string {
  return namespace === '' ? 'schema' : `${namespace}:schema`;
}

/** Names the data in this Redis; gone with it. One for all tenants. */
export function epochKey(namespace: string): string {
  return namespace === '' ? 'epoch' : `${namespace}:epoch`;
}

export const stateKey = (prefix: string, id: string): string => `${prefix}document_workflow:${id}`;
export const onceKey = (prefix: string, key: string): string => `${prefix}once:${key}`;
export const fenceKey = (prefix: string, replica: string): string => `${prefix}fence:${replica}`;

/** Names of the queues there are, all with score 0. */
export const queuesKey = (prefix: string): string => `${prefix}queues`;
export const queueSettingsKey = (prefix: string, queue: string): string => `${prefix}queue:settings:${queue}`;
/** Beside it, `events:epoch` has the name of its epoch: see scripts/modules/feed-epoch.lua. */
export const feedKey = (prefix: string): string => `${prefix}events`;

/** Where scripts say what has changed; a hint for those who wait, never the truth. */
export const changesChannel = (prefix: string): string => `${prefix}changes`;
