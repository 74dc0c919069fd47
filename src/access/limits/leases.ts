import { takeFrom, type Rate, type Take, type Taken } from '../../engine/bucket.js';

/** A lease lasts this fraction of a window, and at most this long. */
const LEASES_PER_WINDOW = 20;
const MAX_LEASE_MS = 60_000;
/**
 * Time after the end of a lease in which unspent tokens are given back. Tokens that come later are lost, since they
 * would exceed the bound.
 */
const GIVE_BACK_WITHIN_MS = 100;
/** Interval of the search for ended leases. */
const TICK_MS = 50;
/**
 * Minimum and maximum time for which a refusal is remembered. The minimum is shorter for a bucket that is full again
 * within 400 ms.
 */
const MIN_DENIAL_MS = 100;
const MAX_DENIAL_MS = 5000;
/** Time for which buckets are local after the store has failed. Then the store is asked again. */
const AWAY_MS = 1000;
/** Maximum takes in one call. While a script runs, Redis does nothing else. */
const MAX_TAKES = 64;

/**
 * Tokens of one bucket that this replica has taken from the store. Times are those of the clock of `Leases`, unless
 * stated otherwise.
 */
export class Lease {
  tokens = 0;
  until = 0;
  /** Until the end of the refusal, this cost and higher ones are refused without asking the store. */
  deniedCost = 1;
  deniedUntil = 0;
  /** After a refusal, the time at which that cost is available. Otherwise the time at which one more token is back. */
  nextAt = 0;
  /** Tokens that the store had left at its last answer. */
  left: number;
  /** Time of the store until which the tokens may be given back. */
  backByMs = 0;
  /** Tokens at the last update of the demand. Tokens that are missing since then were spent. */
  tokensAtUpdate = 0;
  /** Approximate number of tokens that are spent in the time of one lease, and the time of its last update. */
  demand = 0;
  demandAt = 0;
  /** Requests that wait for the store. */
  readonly waiting: Waiting[] = [];
  isAsked = false;
  /** True if the lease was used since the last search for unused leases. */
  isUsed = false;
  /** Local bucket, used while the store is away; see bucket.ts. */
  local: number | undefined;
  rate: Rate;

  constructor(
    readonly tenant: string,
    readonly bucket: string,
    rate: Rate,
    /** Number of requests that a local bucket has decided, for the metrics. */
    readonly localCount: { count: number },
  ) {
    this.rate = rate;
    this.left = rate.burst;
  }

  get lastsMs(): number {
    return Math.min(this.rate.windowMs / LEASES_PER_WINDOW, MAX_LEASE_MS);
  }

  /** Maximum tokens of a lease. */
  get most(): number {
    const { limit, windowMs, burst } = this.rate;
    return Math.max(1, Math.floor(Math.min((limit * this.lastsMs) / windowMs, burst / 2)));
  }
}

interface Waiting {
  readonly cost: number;
  readonly answer: (isGranted: boolean) => void;
}

export interface LeasesParts {
  readonly take: (tenant: string, takes: readonly Take[]) => Promise<readonly Taken[]>;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
  /** Runs a function at the end of this turn; requests until then share one call. */
  readonly defer?: (run: () => void) => void;
  readonly maxEntries?: number;
  /** False in tests that call `giveBackEnded` themselves. */
  readonly isTimed?: boolean;
}

/**
 * Takes tokens from the store ahead of requests and spends them here, so that most requests need no call.
 * With any number of replicas, at most `burst + rate × (T + one lease)` tokens are spent in a time T: see
 * docs/decisions/prepaid-leases.md.
 */
export class Leases {
  readonly #take: LeasesParts['take'];
  readonly #now: () => number;
  readonly #defer: (run: () => void) => void;
  readonly #maxEntries: number;
  readonly #isTimed: boolean;
  readonly #leases = new Map<string, Lease>();
  /** Leases that ask for tokens, and tokens to give back, in this turn. */
  readonly #gathered = new Map<string, { asks: Lease[]; backs: Take[] }>();
  /** Leases with tokens, by the tick at which they end. */
  readonly #ending = new Map<number, Lease[]>();
  /** Tenants whose store calls failed, with the time until which the store is not asked. */
  readonly #away = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ take, now = () => performance.now(), ...parts }: LeasesParts) {
    this.#take = take;
    this.#now = now;
    this.#defer = parts.defer ?? ((run) => void setImmediate(run));
    this.#maxEntries = parts.maxEntries ?? 50_000;
    this.#isTimed = parts.isTimed ?? true;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Gives back all tokens. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const lease of this.#leases.values()) this.#giveBack(lease);
    await Promise.all([...this.#gathered.keys()].map((tenant) => this.#flush(tenant)));
  }

  /** The lease of a bucket. It has no tokens until the first spend. */
  of(tenant: string, bucket: string, rate: Rate, localCount = { count: 0 }): Lease {
    const key = `${tenant} ${bucket}`;
    let lease = this.#leases.get(key);
    if (lease === undefined) {
      lease = new Lease(tenant, bucket, rate, localCount);
      this.#leases.set(key, lease);
      if (this.#leases.size > this.#maxEntries) this.#removeUnused();
    } else if (lease.rate !== rate) {
      lease.rate = rate;
      lease.deniedUntil = 0;
    }
    return lease;
  }

  /**
   * Whether the cost is granted. The answer is immediate if the lease has enough tokens or a refusal is remembered;
   * otherwise the store decides.
   */
  spend(lease: Lease, cost: number, now = this.#now()): boolean | Promise<boolean> {
    lease.isUsed = true;
    if (lease.tokens >= cost && now < lease.until) {
      lease.tokens -= cost;
      return true;
    }
    if (this.#isAway(lease.tenant, now)) return this.#spendLocally(lease, cost, now);
    if (now < lease.deniedUntil && cost >= lease.deniedCost) return false;
    return new Promise((answer) => {
      lease.waiting.push({ cost, answer });
      this.#ask(lease);
    });
  }

  /** Undoes a spend from the lease that ended at `until`, because another limit has refused the request. */
  refund(lease: Lease, cost: number, until: number): void {
    if (lease.until === until && this.#now() < until) lease.tokens += cost;
  }

  /** Approximate time until the cost is available. */
  retryAfterMs(lease: Lease, cost: number, now = this.#now()): number {
    const { limit, windowMs } = lease.rate;
    const more = Math.max(0, cost - lease.deniedCost) * (windowMs / limit);
    return Math.max(0, Math.ceil(lease.nextAt - now + more));
  }

  /** Forgets the state of a bucket that was filled or changed by someone else. */
  forget(lease: Lease): void {
    lease.deniedUntil = 0;
    lease.local = undefined;
  }

  /** Gives back the tokens of leases that have just ended. */
  giveBackEnded(): void {
    const now = this.#now();
    for (const [tick, leases] of this.#ending) {
      if (tick * TICK_MS > now) continue;
      this.#ending.delete(tick);
      for (const lease of leases) if (lease.until <= now) this.#giveBack(lease);
    }
    if (this.#ending.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #giveBack(lease: Lease): void {
    const take = this.#unspent(lease);
    if (take !== undefined) this.#gather(lease.tenant).backs.push(take);
  }

  /** Takes the unspent tokens out of the lease. Undefined if there are none, or if it is too late to give them back. */
  #unspent(lease: Lease): Take | undefined {
    const now = this.#now();
    this.#updateDemand(lease, now);
    const back = lease.tokens;
    lease.tokens = lease.tokensAtUpdate = 0;
    if (back === 0 || now - lease.until > GIVE_BACK_WITHIN_MS) return undefined;
    return { bucket: lease.bucket, rate: lease.rate, want: 0, least: 0, back, backByMs: lease.backByMs };
  }

  /** Updates the demand, as if the tokens since the last update had been spent evenly. */
  #updateDemand(lease: Lease, now: number): void {
    const share = (now - lease.demandAt) / lease.lastsMs;
    const decay = Math.exp(-share);
    const weight = share > 1e-6 ? (1 - decay) / share : 1;
    lease.demand = lease.demand * decay + (lease.tokensAtUpdate - lease.tokens) * weight;
    lease.demandAt = now;
    lease.tokensAtUpdate = lease.tokens;
  }

  #ask(lease: Lease): void {
    if (lease.isAsked) return;
    lease.isAsked = true;
    this.#gather(lease.tenant).asks.push(lease);
  }

  #gather(tenant: string): { asks: Lease[]; backs: Take[] } {
    let gathered = this.#gathered.get(tenant);
    if (gathered === undefined) {
      gathered = { asks: [], backs: [] };
      this.#gathered.set(tenant, gathered);
      this.#defer(() => void this.#flush(tenant));
    }
    return gathered;
  }

  async #flush(tenant: string): Promise<void> {
    const { asks = [], backs = [] } = this.#gathered.get(tenant) ?? {};
    this.#gathered.delete(tenant);
    const calls: Promise<void>[] = [];
    for (let n = 0; n < Math.max(asks.length, backs.length); n += MAX_TAKES) {
      calls.push(this.#call(tenant, asks.slice(n, n + MAX_TAKES), backs.slice(n, n + MAX_TAKES)));
    }
    await Promise.all(calls);
  }

  async #call(tenant: string, asks: readonly Lease[], backs: readonly Take[]): Promise<void> {
    const sentAt = this.#now();
    const takes = asks.map((lease) => this.#wanted(lease));
    try {
      const taken = await this.#take(tenant, [...takes, ...backs]);
      this.#away.delete(tenant);
      asks.forEach((lease, i) => this.#granted(lease, takes[i] as Take, taken[i] as Taken, sentAt));
    } catch {
      // The engine has told metrics and log why.
      const now = this.#now();
      this.#away.set(tenant, now + AWAY_MS);
      for (const lease of asks) {
        lease.isAsked = false;
        for (const { cost, answer } of lease.waiting.splice(0)) answer(this.#spendLocally(lease, cost, now));
      }
    }
  }

  #wanted(lease: Lease): Take {
    const unspent = this.#unspent(lease);
    const waiting = lease.waiting.reduce((sum, { cost }) => sum + cost, 0);
    lease.demand += waiting;
    // Waiting requests get all their tokens, even beyond `most`: these are spent at once and not kept in the lease.
    const want = Math.max(waiting, Math.min(Math.round(lease.demand), lease.most));
    const least = (lease.waiting[0] as Waiting).cost;
    const { bucket, rate } = lease;
    return { ...unspent, bucket, rate, want: Math.max(least, Math.min(want, rate.burst)), least };
  }

  #granted(lease: Lease, { want, least }: Take, { granted, left, nextMs, atMs }: Taken, sentAt: number): void {
    const now = this.#now();
    const { waiting } = lease;
    lease.isAsked = false;
    lease.tokens = granted;
    lease.left = left;
    lease.until = sentAt + lease.lastsMs;
    lease.backByMs = atMs + lease.lastsMs + GIVE_BACK_WITHIN_MS;
    lease.nextAt = now + nextMs;
    if (granted < want) {
      const { burst, limit, windowMs } = lease.rate;
      const denialMs = Math.max(nextMs, Math.min(MIN_DENIAL_MS, (burst * windowMs) / limit / 4));
      lease.deniedUntil = now + Math.min(denialMs, MAX_DENIAL_MS);
      // A cost below the refused one may be available.
      lease.deniedCost = granted > 0 ? 1 : least;
    }
    while (waiting.length > 0 && (waiting[0] as Waiting).cost <= lease.tokens) {
      const { cost, answer } = waiting.shift() as Waiting;
      lease.tokens -= cost;
      answer(true);
    }
    lease.tokensAtUpdate = lease.tokens;
    if (lease.tokens > 0) this.#endsAt(lease);
    const refused = granted < want ? waiting.filter(({ cost }) => cost >= lease.deniedCost) : [];
    for (const one of refused) {
      waiting.splice(waiting.indexOf(one), 1);
      one.answer(false);
    }
    if (waiting.length > 0) this.#ask(lease);
  }

  #endsAt(lease: Lease): void {
    const tick = Math.ceil(lease.until / TICK_MS);
    const leases = this.#ending.get(tick);
    if (leases === undefined) this.#ending.set(tick, [lease]);
    else leases.push(lease);
    if (this.#isTimed) this.#timer ??= setInterval(() => this.giveBackEnded(), TICK_MS).unref();
  }

  #isAway(tenant: string, now: number): boolean {
    if (this.#away.size === 0) return false;
    const until = this.#away.get(tenant);
    return until !== undefined && now < until;
  }

  /** Applies the same limit on this replica alone, with a bucket that is full at first. */
  #spendLocally(lease: Lease, cost: number, now: number): boolean {
    lease.localCount.count++;
    const { bucket, rate } = lease;
    const { full, taken } = takeFrom(lease.local, now * 1000, { bucket, rate, want: cost, least: cost });
    lease.local = full;
    lease.deniedCost = cost;
    lease.left = taken.left;
    lease.nextAt = now + taken.nextMs;
    return taken.granted > 0;
  }

  /** Removes the next lease that was not used since the last round. */
  #removeUnused(): void {
    for (const [key, lease] of this.#leases) {
      this.#leases.delete(key);
      if (!lease.isUsed && lease.waiting.length === 0) return this.#giveBack(lease);
      lease.isUsed = false;
      this.#leases.set(key, lease);
    }
  }
}
