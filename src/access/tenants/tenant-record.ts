import type { Policies } from '../../config/policies.js';

/** Tenants other than `default` exist when they have a record. */
export interface TenantRecord {
  /** `erasing`: its data is being removed; it is not served and does not come back. */
  readonly status: 'active' | 'suspended' | 'erasing';
  /** Limits by name, over those of the settings. */
  readonly limits?: Policies;
}

export { TENANT_PREFIX } from '../../engine/erasure.js';
/** Before the name of a tenant whose data is being removed. */
export const ERASING_PREFIX = 'erasing:';

/** The tenant of callers without a credential. It exists always, and is always active. */
export const DEFAULT_TENANT = 'default';
