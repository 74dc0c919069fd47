import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { RETRY_WINDOW_MS } from '../../engine/commit.js';
import { systemClock, type Clock } from '../../engine/clock.js';
import type { Engine } from '../../engine/engine.js';
import { ACCESS_TENANT } from '../../engine/profile.js';
import { ServiceError } from '../../service-error.js';
import { TenantNotFoundError } from '../access-errors.js';
import { AccessRecords } from '../access-records.js';
import type { HoldingTimes } from '../held.js';
import { ERASING_PREFIX, TENANT_PREFIX, type ErasingMark } from './tenant-record.js';

const LOOK_MS = 30_000;
const MAX_MARKS = 100;
const STEP_RECORDS = 1000;
/** Time for which one replica alone works on an erasure. The replica renews it while it works. */
const LEASE_MS = 60_000;
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
  readonly #replica = randomUUID();
  readonly #timer: NodeJS.Timeout;
  /** Tenants whose data has been removed once. */
  readonly #waiting = new Set<string>();
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
    this.#timer = setInterval(() => void this.wake(), LOOK_MS).unref();
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
        const { records } = await this.#marks.list(ACCESS_TENANT, MAX_MARKS, undefined);
        for (const { name, meta } of records) await this.#erase(name, meta.createdAtMs);
      } catch (error) {
        // The next call of `wake` continues. The engine logs and counts an outage.
        if (!(error instanceof ServiceError)) this.#logger.error(error);
      }
    }
  }

  async #erase(tenant: string, markedAtMs: number): Promise<void> {
    const allHaveHeardAtMs = markedAtMs + this.times.cacheTtlMs + QUIET_MS;
    const startedAtMs = this.clock();
    if (this.#waiting.has(tenant) && startedAtMs < allHaveHeardAtMs) return;
    if (!(await this.#lease(tenant))) return;
    let leasedAtMs = startedAtMs;
    for (let isDone = false; !isDone;) {
      // Gives up the lease, so that another replica can continue at once.
      if (this.#isClosed) return void (await this.#lease(tenant, 0));
      if (this.clock() - leasedAtMs > LEASE_MS / 2) {
        if (!(await this.#lease(tenant))) return;
        leasedAtMs = this.clock();
      }
      ({ isDone } = await this.engine.erase(tenant, STEP_RECORDS));
    }
    if (startedAtMs >= allHaveHeardAtMs) return this.#finish(tenant);
    this.#waiting.add(tenant);
    this.#next = setTimeout(() => void this.wake(), Math.max(0, allHaveHeardAtMs - this.clock())).unref();
  }

  /** False if another replica has the lease. */
  async #lease(tenant: string, forMs = LEASE_MS): Promise<boolean> {
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

  /** Deletes the record and the mark of the tenant. Its name can then be used again. */
  async #finish(tenant: string): Promise<void> {
    const ids = [TENANT_PREFIX + tenant, ERASING_PREFIX + tenant];
    const found = await this.engine.findMany(ACCESS_TENANT, ids);
    const deletes = ids.filter((_, i) => found[i] !== undefined).map((id) => ({ id }));
    const once = { key: randomUUID(), fingerprint: '', keepMs: RETRY_WINDOW_MS };
    if (deletes.length > 0) await this.engine.commit(ACCESS_TENANT, { once, deletes });
    this.#waiting.delete(tenant);
    this.#logger.log(`tenant ${tenant} is erased`);
  }
}
