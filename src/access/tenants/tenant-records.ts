import { systemClock, type Clock } from '../../engine/clock.js';
import type { Engine } from '../../engine/engine.js';
import { AccessRecords } from '../access-records.js';
import { Held, type HoldingTimes } from '../held.js';
import { ACCESS_TENANT } from '../../engine/profile.js';
import { DEFAULT_TENANT, TENANT_PREFIX, type TenantRecord } from './tenant-record.js';

const MAX_HELD = 10_000;

/** Record of a tenant as this replica knows it; undefined if there is no such tenant. */
export type KnownTenant = Held<TenantRecord | undefined>;

/** Records of tenants, held for admission. */
export class TenantRecords {
  readonly records: AccessRecords<TenantRecord>;
  readonly #held = new Map<string, { readonly tenant: KnownTenant; readonly stop: () => void }>();

  constructor(
    private readonly engine: Engine,
    private readonly times: HoldingTimes,
    private readonly clock: Clock = systemClock,
  ) {
    this.records = new AccessRecords(engine, TENANT_PREFIX);
  }

  /** The record of a tenant. Returns a promise only if the store must be read. @throws AccessUnknownError */
  find(name: string): KnownTenant | Promise<KnownTenant> {
    const tenant = this.#held.get(name)?.tenant ?? this.#hold(name);
    return this.clock() < tenant.freshUntilMs ? tenant : tenant.renew(() => this.#read(name));
  }

  /** The record as it was last read; undefined for a tenant that is not held. */
  peek(name: string): TenantRecord | undefined {
    return this.#held.get(name)?.tenant.value;
  }

  close(): void {
    for (const name of this.#held.keys()) this.#drop(name);
  }

  #hold(name: string): KnownTenant {
    const [oldest] = this.#held.keys();
    if (this.#held.size >= MAX_HELD && oldest !== undefined) this.#drop(oldest);
    const tenant: KnownTenant = new Held(this.times, this.clock);
    // Listens before the first read, so that no change is missed.
    const stop = this.engine.onChange(ACCESS_TENANT, `workflow ${TENANT_PREFIX}${name}`, tenant.hint);
    this.#held.set(name, { tenant, stop });
    return tenant;
  }

  #drop(name: string): void {
    const held = this.#held.get(name);
    this.#held.delete(name);
    held?.stop();
    // Others may still hold this entry.
    held?.tenant.hint();
  }

  async #read(name: string): Promise<TenantRecord | undefined> {
    const stored = await this.records.find(ACCESS_TENANT, name);
    return stored?.value ?? (name === DEFAULT_TENANT ? { status: 'active' } : undefined);
  }
}
