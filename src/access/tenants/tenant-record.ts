import type { Policies } from '../../config/policies.js';

/** Record of a tenant. Every tenant except `default` exists only with a record. */
export interface TenantRecord {
  /** `erasing`: the data of the tenant is being removed. The tenant is not served any more. */
  readonly status: 'active' | 'suspended' | 'erasing';
  /** Limits by name, over those of the settings. */
  readonly limits?: Policies;
}

export { TENANT_PREFIX } from '../../engine/erasure.js';
/** Before the name of a tenant whose data is being removed. */
export const ERASING_PREFIX = 'erasing:';

/** Marks a tenant whose data is being removed, and the replica that does it. */
export interface ErasingMark {
  readonly replica: string;
  readonly untilMs: number;
}

export const NOT_BEGUN: ErasingMark = { replica: '', untilMs: 0 };

/** Tenant of callers without a credential. It always exists and is always active. */
export const DEFAULT_TENANT = 'default';
