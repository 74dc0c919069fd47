import type { Policies, Policy } from '../../config/policies.js';
import type { Caller } from '../../http/caller.js';

/** Policies that hold for a tenant, by name. */
export type Holding = ReadonlyMap<string, Policy>;

/** The policies of callers: those of the settings, those of the tenant's record over them, then that of the key. */
export class TenantPolicies {
  readonly #byDefault: Holding;
  readonly #merged = new WeakMap<Policies, Holding>();

  constructor(
    private readonly byDefault: Policies,
    /** Of the record of a tenant, as far as it is known here. */
    private readonly limitsOf: (tenant: string) => Policies | undefined,
  ) {
    this.#byDefault = merged(byDefault);
  }

  /** The same map as long as nothing changes. */
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
