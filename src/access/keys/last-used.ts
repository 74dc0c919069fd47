import { ownOnce } from '../../engine/commit.js';
import type { Engine } from '../../engine/engine.js';
import { MAX_BOARD_NOTICES } from '../../engine/limits.js';
import { ACCESS_TENANT, accessTenantOf } from '../../engine/profile.js';
import type { Caller } from '../../http/caller.js';
import type { TenantRecords } from '../tenants/tenant-records.js';

const BOARD = 'keys:used';
const MINUTE_MS = 60_000;
/** End of the year 9999. */
const MAX_TIME_MS = 253_402_300_799_999;
const KEPT_MS = 400 * 24 * 60 * MINUTE_MS;

interface Waiting {
  /** Undefined for the keys of operators. */
  readonly tenant: string | undefined;
  /** Minutes of use that are not written yet, by key. */
  readonly keys: Map<string, number>;
}

const isTime = (ms: number) => Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_TIME_MS;

/** Times of the last use of keys, to the minute. Written in the background, for all keys of a tenant in one commit. */
export class LastUsed {
  /** By hidden tenant. */
  #waiting = new Map<string, Waiting>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly engine: Engine,
    private readonly tenants: Pick<TenantRecords, 'find'>,
    everyMs = MINUTE_MS,
  ) {
    this.#timer = setInterval(() => void this.flush(), everyMs).unref();
  }

  /** Callers without a key are ignored. */
  note({ kind, tenant, keyId }: Caller, nowMs: number): void {
    if (keyId === undefined) return;
    const [home, owner] = kind === 'operator' ? [ACCESS_TENANT, undefined] : [accessTenantOf(tenant), tenant];
    this.#keep(home, owner, keyId, nowMs - (nowMs % MINUTE_MS));
  }

  /** Times by key, including those of this replica that are not written yet. */
  async read(home: string): Promise<ReadonlyMap<string, number>> {
    const { notices } = await this.engine.readBoard(home, BOARD);
    // Another program may have changed a value: then the last use is not known.
    const times = notices.map(({ name, text }) => [name, Number(text)] as const);
    const used = new Map(times.filter(([, atMs]) => isTime(atMs)));
    for (const [id, atMs] of this.#waiting.get(home)?.keys ?? []) used.set(id, Math.max(atMs, used.get(id) ?? 0));
    return used;
  }

  /** Writes the times; those that cannot be written wait for the next flush. */
  async flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [home, { tenant, keys }] of waiting) {
      const notices = [...keys].map(([name, atMs]) => ({ name, text: String(atMs), keepMs: KEPT_MS }));
      try {
        if (tenant !== undefined && !(await this.#isThere(tenant))) continue;
        await this.engine.commit(home, { once: ownOnce(), board: { board: BOARD, notices } });
      } catch {
        // The engine logs and counts the outage.
        for (const [id, atMs] of keys) this.#keep(home, tenant, id, atMs);
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  #keep(home: string, tenant: string | undefined, keyId: string, atMs: number): void {
    let waiting = this.#waiting.get(home);
    if (waiting === undefined) this.#waiting.set(home, (waiting = { tenant, keys: new Map() }));
    const known = waiting.keys.get(keyId);
    // A board keeps this many notices, so more need not wait while the store is away.
    if (known === undefined && waiting.keys.size >= MAX_BOARD_NOTICES) return;
    waiting.keys.set(keyId, Math.max(atMs, known ?? 0));
  }

  /** False for a tenant that is being erased, since nothing may be written to it. */
  async #isThere(tenant: string): Promise<boolean> {
    const { value } = await this.tenants.find(tenant);
    return value !== undefined && value.status !== 'erasing';
  }
}
