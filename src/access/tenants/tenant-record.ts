import type { Policies } from '../../config/policies.js';
import type { Put } from '../../engine/commit.js';
import { ERASING_PREFIX } from '../../engine/erasure.js';
import { newIncarnation } from '../../engine/new-incarnation.js';

/** Record of a tenant. Every tenant except `default` exists only with a record. */
export interface TenantRecord {
  /** `erasing`: the data of the tenant is being removed. The tenant is not served any more. */
  readonly status: 'active' | 'suspended' | 'erasing';
  /** Limits by name, over those of the settings. */
  readonly limits?: Policies;
}

export { ERASING_PREFIX, TENANT_PREFIX } from '../../engine/erasure.js';

/** Marks a tenant whose data is being removed, and the replica that does it. */
export interface ErasingMark {
  readonly replica: string;
  readonly untilMs: number;
}

const NOT_BEGUN: ErasingMark = { replica: '', untilMs: 0 };

/** Tenant of callers without a credential. It always exists and is always active. */
export const DEFAULT_TENANT = 'default';

/** Mark of a tenant whose data is being removed. Replicas find the marks without reading all tenants. */
export function markOf(name: string, by: string): Put {
  const about = { by, cause: 'put', changed: null } as const;
  return {
    id: ERASING_PREFIX + name,
    incarnation: newIncarnation(),
    state: JSON.stringify(NOT_BEGUN),
    index: {},
    ttl: null,
    about,
  };
}
