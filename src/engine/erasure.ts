import { ownOnce } from './commit.js';
import type { Engine } from './engine.js';
import { newIncarnation } from './new-incarnation.js';
import { ACCESS_TENANT, hiddenTenantsOf, isHiddenTenant } from './profile.js';

/**
 * Prefix of the records of tenants, in the hidden tenant of all tenants. A tenant other than the default one exists
 * while it has such a record.
 */
export const TENANT_PREFIX = 'tenant:';
/** Prefix of the marks of tenants whose data is being removed. */
export const ERASING_PREFIX = 'erasing:';
/** Prefix of the notes about erasures. */
export const ERASED_PREFIX = 'erased:';
/** Retention of the note: longer than any replica stays detached. */
const KEPT_MS = 400 * 24 * 60 * 60 * 1000;

export function canBeErased(tenant: string): boolean {
  return tenant !== 'default' && !isHiddenTenant(tenant);
}

/** The tenants whose data an erasure removes; the tenant itself comes last. @throws Error */
export function erasedWith(tenant: string): readonly string[] {
  if (!canBeErased(tenant)) throw new Error(`The tenant ${tenant} cannot be erased`);
  return [...hiddenTenantsOf(tenant), tenant];
}

/** Records the erasure of a tenant, for replicas that accepted writes while the store was unreachable. */
export async function noteErasure(commit: Engine['commit'], tenant: string): Promise<void> {
  const put = {
    id: `${ERASED_PREFIX}${tenant}`,
    incarnation: newIncarnation(),
    state: '{}',
    index: {},
    ttl: KEPT_MS,
    about: { by: 'service', cause: 'commit', changed: null },
  } as const;
  await commit(ACCESS_TENANT, { once: ownOnce(), puts: [put] });
}

/** The last erasure of a tenant. */
export interface Erasure {
  /** Time of the store from which on writes belong to a tenant that has the name now; undefined if there is none. */
  readonly againSinceMs: number | undefined;
}

/** Undefined for a tenant that was never erased. */
export async function findErasure(engine: Pick<Engine, 'findMany'>, tenant: string): Promise<Erasure | undefined> {
  if (tenant === 'default') return undefined;
  const ids = [ERASED_PREFIX, TENANT_PREFIX, ERASING_PREFIX].map((prefix) => prefix + tenant);
  const [erasure, current, mark] = await engine.findMany(ACCESS_TENANT, ids);
  if (erasure === undefined) return undefined;
  if (current === undefined || mark !== undefined) return { againSinceMs: undefined };
  // A tenant that was imported from a backup was created before it was erased.
  return { againSinceMs: Math.max(current.createdAtMs, erasure.updatedAtMs) };
}

/** Whether a write of this time is to be dropped: it belongs to the erased data, or the tenant no longer exists. */
export function isErased({ againSinceMs = Infinity }: Erasure, atMs: number): boolean {
  return atMs < againSinceMs;
}
