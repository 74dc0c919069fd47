import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { ownOnce } from '../../engine/commit.js';
import { systemClock, type Clock } from '../../engine/clock.js';
import type { Engine, ListPosition } from '../../engine/engine.js';
import { canBeErased, ERASED_PREFIX, erasedWith } from '../../engine/erasure.js';
import { VersionConflictError } from '../../engine/errors.js';
import { ACCESS_TENANT } from '../../engine/profile.js';
import { etagOf } from '../../engine/records/workflow-meta.js';
import { ServiceError } from '../../service-error.js';
import { TenantNotFoundError } from '../access-errors.js';
import { AccessRecords } from '../access-records.js';
import type { HoldingTimes } from '../held.js';
import { ERASING_PREFIX, markOf, TENANT_PREFIX, type ErasingMark, type TenantRecord } from './tenant-record.js';

const MAX_MARKS = 100;
const MAX_NOTES = 500;
const STEP_RECORDS = 1000;
/** Limits of the time for which one replica alone works on an erasure. */
const MIN_LEASE_MS = 10_000;
const MAX_LEASE_MS = 60_000;
/** Added to the time after which every replica refuses the tenant. */
const QUIET_MS = 5000;

/**
 * Removes the data of erased tenants. A mark in the store names each of them, so that an erasure continues after a
 * crash. Only one replica works on a tenant at a time.
 * Other replicas may still write for the tenant until they learn of the erasure. So the data is removed twice: at once,
 * and again when all replicas refuse the tenant.
 */
export class Eraser {
  readonly #logger = new Logger('Tenants');
  readonly #marks: AccessRecords<ErasingMark>;
  readonly #tenants: AccessRecords<TenantRecord>;
  readonly #notes: AccessRecords<object>;
  readonly #replica = randomUUID();
  readonly #timer: NodeJS.Timeout;
  /** Time for which one replica alone works on an erasure. The replica renews it while it works. */
  readonly #leaseMs: number;
  /** Tenants whose data has been removed once, by the time of their mark. */
  readonly #waiting = new Map<string, number>();
  /** Storage in which remains of earlier erasures were looked for. */
  #searched: Engine['storage'] | undefined;
  #next: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isAskedAgain = false;
  #isClosed = false;

  constructor(
    private readonly engine: Engine,
    private readonly times: Pick<HoldingTimes, 'cacheTtlMs'>,
    private readonly clock: Clock = systemClock,
  ) {
    this.#marks = new AccessRecords(engine, ERASING_PREFIX);
    this.#tenants = new AccessRecords(engine, TENANT_PREFIX);
    this.#notes = new AccessRecords(engine, ERASED_PREFIX);
    this.#leaseMs = Math.min(Math.max(times.cacheTtlMs, MIN_LEASE_MS), MAX_LEASE_MS);
    this.#timer = setInterval(() => void this.wake(), this.#leaseMs / 2).unref();
  }

  /** Erases the tenants that are marked now. Tenants whose second removal is not due yet are left for later. */
  wake(): Promise<void> {
    this.#isAskedAgain = true;
    return (this.#running ??= this.#run().finally(() => (this.#running = undefined)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#next);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false;
      try {
        await this.#findRemains();
        const { records } = await this.#marks.list(ACCESS_TENANT, MAX_MARKS, undefined);
        for (const { name, meta } of records) await this.#erase(name, meta.createdAtMs).catch(this.#failed);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /**
   * Marks erased tenants of which something is left in this store, once for each store. A move copies records one by
   * one, so it removes what an erasure has removed at the source meanwhile, but leaves events about it.
   */
  async #findRemains(): Promise<void> {
    const { storage } = this.engine;
    if (storage === this.#searched || storage === 'detached') return;
    const found = new Set(await this.engine.moving.listTenants());
    for (let after: ListPosition | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
      const page: Awaited<ReturnType<AccessRecords<object>['list']>> = await this.#notes.list(
        ACCESS_TENANT,
        MAX_NOTES,
        after,
      );
      for (const { name } of page.records)
        if (canBeErased(name) && erasedWith(name).some((one) => found.has(one))) await this.#eraseRemains(name);
      after = page.next;
    }
    this.#searched = storage;
  }

  /** Leaves a tenant alone that has workflows, keys or tasks: it was created again, or is being imported. */
  async #eraseRemains(tenant: string): Promise<void> {
    const { moving } = this.engine;
    for (const name of erasedWith(tenant)) {
      if ((await moving.listWorkflows(name, undefined, 1)).items.length > 0) return;
      for await (const tasks of moving.listTasks(name)) if (tasks.length > 0) return;
    }
    const value: TenantRecord = { status: 'erasing' };
    await this.#tenants
      .create(ACCESS_TENANT, tenant, 'service', { value, ttlMs: null, beside: [markOf(tenant, 'service')] })
      .catch((error: unknown) => {
        // There is a tenant with this name.
        if (!(error instanceof VersionConflictError)) throw error;
      });
  }

  /** The next call of `wake` continues. */
  readonly #failed = (error: unknown): void => {
    // The engine logs and counts an outage.
    if (!(error instanceof ServiceError)) this.#logger.error(error);
  };

  async #erase(tenant: string, markedAtMs: number): Promise<void> {
    const allHaveHeardAtMs = markedAtMs + this.times.cacheTtlMs + QUIET_MS;
    const startedAtMs = this.clock();
    if (this.#waiting.get(tenant) === markedAtMs && startedAtMs < allHaveHeardAtMs) return;
    if (!(await this.#lease(tenant))) return;
    this.#logger.log(`removing the data of tenant ${tenant}`);
    let leasedAtMs = startedAtMs;
    for (let isDone = false; !isDone;) {
      // Gives up the lease, so that another replica can continue at once.
      if (this.#isClosed) return void (await this.#lease(tenant, 0));
      if (this.clock() - leasedAtMs > this.#leaseMs / 2) {
        if (!(await this.#lease(tenant))) return;
        leasedAtMs = this.clock();
      }
      ({ isDone } = await this.engine.erase(tenant, STEP_RECORDS));
    }
    if (startedAtMs >= allHaveHeardAtMs) return this.#finish(tenant);
    this.#waiting.set(tenant, markedAtMs);
    this.#next = setTimeout(() => void this.wake(), Math.max(0, allHaveHeardAtMs - this.clock())).unref();
  }

  /** False if another replica has the lease. */
  async #lease(tenant: string, forMs = this.#leaseMs): Promise<boolean> {
    const now = this.clock();
    const replica = this.#replica;
    let isOurs = true;
    const change = { by: 'service', expect: undefined };
    await this.#marks.change(
      ACCESS_TENANT,
      tenant,
      change,
      ({ value }) => {
        isOurs = value.replica === replica || value.untilMs <= now;
        return isOurs ? { value: { replica, untilMs: now + forMs }, ttlMs: null } : undefined;
      },
      // Another replica has finished meanwhile.
      () => new TenantNotFoundError(tenant),
    );
    return isOurs;
  }

  /**
   * Deletes the record and the mark of the tenant. Its name can then be used again. If another replica has taken over
   * meanwhile, nothing is deleted: the name may be that of a new tenant already.
   */
  async #finish(tenant: string): Promise<void> {
    this.#waiting.delete(tenant);
    const ids = [ERASING_PREFIX + tenant, TENANT_PREFIX + tenant];
    const [mark, record] = await this.engine.findMany(ACCESS_TENANT, ids);
    if (mark === undefined || (JSON.parse(mark.state) as ErasingMark).replica !== this.#replica) return;
    const deletes = [mark, ...(record === undefined ? [] : [record])].map((found) => ({
      id: found.id,
      expect: { etags: [etagOf(found)] },
    }));
    await this.engine.commit(ACCESS_TENANT, { once: ownOnce(), deletes });
    this.#logger.log(`tenant ${tenant} is erased`);
  }
}
