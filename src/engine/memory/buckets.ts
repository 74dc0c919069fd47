import { takeFrom, type Take, type Taken } from '../bucket.js';
import { tenantKey } from '../tenant-key.js';

/** Buckets that are looked at per take, to find full ones; more than a take can add, so their number stays bounded. */
const LOOKED_AT = 2;

/** Buckets in memory. They are full after a restart; a full one is no entry. */
export class MemoryBuckets {
  /** Time when each is full, in microseconds; the one that was written or looked at longest ago comes first. */
  readonly #full = new Map<string, number>();

  constructor(private readonly mostEntries = 200_000) {}

  get size(): number {
    return this.#full.size;
  }

  take(tenant: string, takes: readonly Take[], nowMs: number): readonly Taken[] {
    const nowUs = Math.floor(nowMs * 1000);
    return takes.map((take) => {
      const key = tenantKey(tenant, take.bucket);
      const { full, taken } = takeFrom(this.#full.get(key), nowUs, take);
      this.#full.delete(key);
      this.#tidy(nowUs);
      if (full !== undefined) this.#full.set(key, full);
      return taken;
    });
  }

  /** Forgets the buckets of a tenant. */
  erase(tenant: string): void {
    const start = tenantKey(tenant, '');
    for (const key of this.#full.keys()) if (key.startsWith(start)) this.#full.delete(key);
  }

  #tidy(nowUs: number): void {
    let looked = 0;
    for (const [key, full] of this.#full) {
      if (looked++ >= LOOKED_AT) break;
      this.#full.delete(key);
      if (full > nowUs && this.#full.size < this.mostEntries - 1) this.#full.set(key, full);
    }
  }
}
