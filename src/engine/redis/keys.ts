/** Prefix of all keys of a tenant. Names of tenants hold no braces, so the tag of another tenant cannot be forged. */
export function prefixOf(namespace: string, tenant: string): string {
  const own = namespace === '' ? '' : `${namespace}:`;
  return tenant === 'default' ? own : `${own}{${tenant}}:`;
}

/** Where sweepers find the tenants there are; in a slot of its own. */
export function tenantsKey(namespace: string): string {
  return namespace === '' ? 'tenants' : `${namespace}:tenants`;
}

/** Which shape the keys have; one for all tenants. */
export function schemaKey(namespace: string): string {
  return namespace === '' ? 'schema' : `${namespace}:schema`;
}

export const stateKey = (prefix: string, id: string): string => `${prefix}document_workflow:${id}`;
export const onceKey = (prefix: string, key: string): string => `${prefix}once:${key}`;
export const fenceKey = (prefix: string, replica: string): string => `${prefix}fence:${replica}`;

/** Names of the queues there are, all with score 0. */
export const queuesKey = (prefix: string): string => `${prefix}queues`;
export const queueSettingsKey = (prefix: string, queue: string): string => `${prefix}queue:settings:${queue}`;
export const feedKey = (prefix: string): string => `${prefix}events`;

/** The name of the feed's epoch; see scripts/epoch.lua. */
export const epochKey = (prefix: string): string => `${prefix}events:epoch`;

/** Where scripts say what has changed; a hint for those who wait, never the truth. */
export const changesChannel = (prefix: string): string => `${prefix}changes`;
