import type { Expect } from '../../engine/commit.js';
import type { Engine, ListPosition } from '../../engine/engine.js';
import { VersionConflictError } from '../../engine/errors.js';
import { ACCESS_TENANT } from '../../engine/profile.js';
import { InvalidBodyError, InvalidIdError } from '../../http/http-errors.js';
import { RecordChangedError, TenantErasingError, TenantExistsError, TenantNotFoundError } from '../access-errors.js';
import { AccessRecords, type Stored } from '../access-records.js';
import { DEFAULT_TENANT, markOf, TENANT_PREFIX, type TenantRecord } from './tenant-record.js';

export type TenantGiven = Omit<TenantRecord, 'status'> & { readonly status: 'active' | 'suspended' };

export interface FoundTenant {
  readonly name: string;
  readonly record: TenantRecord;
  /** Undefined for `default` without a record. */
  readonly stored: Stored<TenantRecord> | undefined;
}

/** Tenants, for operators. */
export class Tenants {
  readonly #records: AccessRecords<TenantRecord>;

  constructor(engine: Engine) {
    this.#records = new AccessRecords(engine, TENANT_PREFIX);
  }

  /** @throws TenantNotFoundError */
  async get(name: string): Promise<FoundTenant> {
    const stored = await this.#records.find(ACCESS_TENANT, name);
    if (stored === undefined && name !== DEFAULT_TENANT) throw new TenantNotFoundError(name);
    return { name, record: stored?.value ?? { status: 'active' }, stored };
  }

  /** In the order of their creation; `default` only if it has a record. */
  async list(limit: number, after: ListPosition | undefined) {
    const { records, next } = await this.#records.list(ACCESS_TENANT, limit, after);
    const items = records.map(({ name, ...stored }): FoundTenant => ({ name, record: stored.value, stored }));
    return { items, next };
  }

  /** Creates or replaces. @throws TenantErasingError @throws RecordChangedError */
  async put(
    name: string,
    by: string,
    expect: Expect | undefined,
    value: TenantGiven,
  ): Promise<{ readonly tenant: FoundTenant; readonly created: boolean }> {
    refuseForDefault(name, value.status);
    for (;;) {
      const isNew = (await this.#records.find(ACCESS_TENANT, name)) === undefined;
      try {
        if (!isNew) {
          if (expect !== undefined && 'exists' in expect && !expect.exists) throw new TenantExistsError(name);
          return { tenant: await this.#change(name, by, expect, () => value), created: false };
        }
        checkAbsent(expect);
        const stored = await this.#records.create(ACCESS_TENANT, name, by, { value, ttlMs: null });
        return { tenant: { name, record: value, stored }, created: true };
      } catch (error) {
        // Another request created or erased it meanwhile.
        const isRace = isNew ? error instanceof VersionConflictError : error instanceof TenantNotFoundError;
        if (!isRace || expect !== undefined) throw error;
      }
    }
  }

  /** @throws TenantNotFoundError @throws TenantErasingError @throws RecordChangedError */
  async change(
    name: string,
    by: string,
    expect: Expect | undefined,
    given: Partial<TenantGiven>,
  ): Promise<FoundTenant> {
    refuseForDefault(name, given.status);
    const { stored } = await this.get(name);
    // `default` exists without a record; a change makes one.
    if (stored === undefined) return (await this.put(name, by, expect, { status: 'active', ...given })).tenant;
    return this.#change(name, by, expect, (record) => ({ ...record, ...given }));
  }

  /**
   * Erases a tenant: all replicas refuse it from then on, and its data is removed in the background. False if it does
   * not exist. @throws VersionConflictError
   */
  async erase(name: string, by: string, expect: Expect | undefined): Promise<boolean> {
    if (name === DEFAULT_TENANT)
      throw new InvalidIdError(
        'The tenant default exists always, so it cannot be erased; delete its workflows instead',
      );
    try {
      await this.#records.change(
        ACCESS_TENANT,
        name,
        { by, expect },
        ({ value }) => {
          if (value.status === 'erasing') return undefined;
          return { value: { ...value, status: 'erasing' }, ttlMs: null, beside: [markOf(name, by)] };
        },
        () => new TenantNotFoundError(name),
      );
      return true;
    } catch (error) {
      if (error instanceof TenantNotFoundError) return false;
      throw error;
    }
  }

  async #change(
    name: string,
    by: string,
    expect: Expect | undefined,
    change: (record: TenantRecord) => TenantRecord,
  ): Promise<FoundTenant> {
    const stored = await this.#records.change(
      ACCESS_TENANT,
      name,
      { by, expect },
      ({ value }) => {
        if (value.status === 'erasing') throw new TenantErasingError(name);
        return { value: change(value), ttlMs: null };
      },
      () => new TenantNotFoundError(name),
    );
    return { name, record: stored.value, stored };
  }
}

function refuseForDefault(name: string, status: TenantRecord['status'] | undefined): void {
  if (name === DEFAULT_TENANT && status === 'suspended')
    throw new InvalidBodyError([{ pointer: '/status', message: 'must be "active": the tenant default exists always' }]);
}

/** Checks the condition of a request on an absent record. @throws RecordChangedError when it expects a version */
function checkAbsent(expect: Expect | undefined): void {
  if (expect === undefined || ('exists' in expect && !expect.exists)) return;
  throw new RecordChangedError(undefined);
}
