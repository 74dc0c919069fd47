import type { Policies, Policy } from '../../config/policies.js';
import type { Caller } from '../../http/caller.js';

/** Policies of a tenant, by name. */
export type Holding = ReadonlyMap<string, Policy>;

/**
 * Policies of callers: those of the settings; the record of the tenant overrides them, and the record of the key
 * overrides both.
 */
export class TenantPolicies {
  readonly #byDefault: Holding;
  readonly #merged = new WeakMap<Policies, Holding>();

  constructor(
    private readonly byDefault: Policies,
    /** Policies in the record of a tenant, if it is known here. */
    private readonly limitsOf: (tenant: string) => Policies | undefined,
  ) {
    this.#byDefault = merged(byDefault);
  }

  /** Returns the same map until something changes. */
  ofTenant(tenant: string): Holding {
    const limits = this.limitsOf(tenant);
    if (limits === undefined) return this.#byDefault;
    let holding = this.#merged.get(limits);
    if (holding === undefined) {
      holding = merged({ ...this.byDefault, ...limits });
      this.#merged.set(limits, holding);
    }
    return holding;
  }

  of({ tenant, limit }: Caller): Holding {
    const holding = this.ofTenant(tenant);
    return limit === undefined ? holding : new Map([...holding, ['key', { ...limit, per: 'key', mode: 'enforce' }]]);
  }
}

function merged(policies: Policies): Holding {
  return new Map(Object.entries(policies).flatMap(([name, policy]) => (policy === null ? [] : [[name, policy]])));
}
