import { takeFrom, type Take, type Taken } from '../bucket.js';
import { tenantKey } from '../tenant-key.js';

/**
 * Buckets that each take checks, to remove full ones. A take adds at most one bucket, so their number stays bounded.
 */
const CHECKED_PER_TAKE = 2;

/** Buckets in memory. All buckets are full after a restart; a full one needs no entry. */
export class MemoryBuckets {
  /**
   * For each bucket, the time when it is full, in microseconds. Buckets that were written or checked longest ago come
   * first.
   */
  readonly #full = new Map<string, number>();

  constructor(private readonly maxEntries = 200_000) {}

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
      if (looked++ >= CHECKED_PER_TAKE) break;
      this.#full.delete(key);
      if (full > nowUs && this.#full.size < this.maxEntries - 1) this.#full.set(key, full);
    }
  }
}
