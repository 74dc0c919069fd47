import { activeTenantsKey, tenantsKey } from './keys.js';
import type { RedisConnections } from './connection/redis-connections.js';
import { StoreAwayError } from '../errors.js';
import { awayIfLost } from './connection/redis-errors.js';
import { RedisScript, TIMED } from './scripts/redis-script.js';
import { listOf, textOf } from './scripts/reply.js';
import { leadingArguments, type ScriptContext } from './scripts/script-context.js';

const activateScript = new RedisScript(TIMED, 'activate-tenants');
const dueScript = new RedisScript(TIMED, 'due-tenants');
const settleScript = new RedisScript(TIMED, 'settle-tenants');

/** Time for which an announcement of writes lasts, in addition to the time that a write may be under way. */
const ACTIVE_MS = 60_000;
/** If an announcement is valid for less than this, a write renews it in the background. */
const RENEWED_MS = 40_000;
/** If an announcement is valid for less than this, a write waits for the renewal. */
const MIN_LEFT_MS = 20_000;
/** Time until the sweep of a tenant with announced writes. */
const SOON_MS = 30_000;
/** Time after which another replica sweeps the tenants that this one has taken. */
const TAKEN_MS = 30_000;
/** Longest time of a sweep. An announcement is kept for this long after its end; a later end of a sweep is ignored. */
const MAX_SWEEP_MS = 600_000;
const MIN_PAUSE_MS = 1000;
/** Maximum time until the sweep of a tenant without due records, in case a very late write was missed. */
const MAX_PAUSE_MS = 12 * 60 * 60 * 1000;
/** Tenants without due records become due in groups, which share the calls around their sweeps. */
const GROUP_MS = 60_000;
const NAMES_AT_ONCE = 1000;

/** Tenants to sweep, and when the next ones are due. */
export interface DueTenants {
  readonly tenants: readonly string[];
  /** Time of the store. */
  readonly sinceMs: number;
  readonly nextInMs: number;
}

/**
 * Tenants of the namespace by the time of their next sweep, so that idle tenants cost nothing.
 *
 * A write cannot set the time of its tenant in the same step, because on a Cluster each tenant has its own slot. So
 * writes are announced before they are sent; one announcement is valid for a while. A tenant with announced writes is
 * swept again soon. A tenant without is swept when its first record is due.
 *
 * While the master that holds the schedule is away, writes to tenants of other masters are not announced. This replica
 * owes the announcements, and makes them when that master is back.
 */
export class SweepSchedule {
  /** End of the announcement of a tenant, by the clock of this replica. */
  readonly #activeUntil = new Map<string, number>();
  /** Tenants that were written without an announcement. */
  readonly #owed = new Set<string>();
  /** Tenants to announce in the next call. */
  readonly #gathered = new Set<string>();
  #sending: Promise<void> | undefined;
  /** Time that a write may be under way. */
  readonly #underWayMs: number;

  constructor(
    private readonly connections: RedisConnections,
    private readonly context: ScriptContext,
    /** Clock of this replica; tests give the time of the scripts. */
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#underWayMs = 2 * connections.config.commandTimeoutMs;
    connections.onLost((server) => {
      // Announcements that were sent on a lost connection may not have arrived.
      if (server === this.#server) this.#activeUntil.clear();
    });
    connections.onReady(() => this.#payOwed());
  }

  /** Server that holds the schedule. */
  get #server(): string {
    return this.connections.serverOfKey(tenantsKey(this.context.namespace));
  }

  /**
   * Announces a write. The write may be sent when the promise is fulfilled, or at once if there is none.
   * @throws StoreUnavailableError
   */
  announce(tenant: string): Promise<void> | undefined {
    const left = (this.#activeUntil.get(tenant) ?? 0) - this.now() - this.#underWayMs;
    if (left > RENEWED_MS) return undefined;
    const isElsewhere = this.connections.serverOf(tenant) !== this.#server;
    if (isElsewhere && !this.connections.isUsable(this.#server)) {
      this.#owed.add(tenant);
      return undefined;
    }
    const sent = this.#gather(tenant).catch((error: unknown) => {
      if (!isElsewhere || !(error instanceof StoreAwayError)) throw error;
      this.#owed.add(tenant);
    });
    if (left < MIN_LEFT_MS) return sent;
    // The next write tries again.
    sent.catch(() => undefined);
    return undefined;
  }

  /** Takes tenants whose sweep is due; with `andActive` also all with announced writes. */
  async takeDue(limit: number, andActive = false): Promise<DueTenants> {
    const now = this.now();
    for (const [tenant, until] of this.#activeUntil) if (until <= now) this.#activeUntil.delete(tenant);
    const args = [String(limit), String(TAKEN_MS), andActive ? '1' : '0', String(MAX_SWEEP_MS)];
    const [at, next, names] = listOf(await this.#run(dueScript, args));
    const sinceMs = Number(textOf(at));
    return { tenants: [...new Set(listOf(names).map(textOf))], sinceMs, nextInMs: pauseOf(sinceMs, next) };
  }

  /**
   * Sets the next sweep of swept tenants. `dueMs`: time at which the first record of a tenant is due; 'empty' forgets a
   * tenant without data. Returns the time until the next sweep of any tenant.
   */
  async settle(sinceMs: number, swept: ReadonlyMap<string, number | 'empty'>): Promise<number> {
    const pairs = [...swept].flatMap(([tenant, dueMs]) => {
      if (dueMs === 'empty') return [tenant, ''];
      // Jitter, so that idle tenants do not become due at the same time.
      const latestMs = groupOf(sinceMs + MAX_PAUSE_MS * (0.5 + Math.random() / 2));
      return [tenant, String(Math.round(Math.min(dueMs, latestMs)))];
    });
    const args = [String(sinceMs), String(MIN_PAUSE_MS), String(SOON_MS), String(MAX_SWEEP_MS), ...pairs];
    const [at, next] = listOf(await this.#run(settleScript, args));
    return pauseOf(Number(textOf(at)), next);
  }

  #payOwed(): void {
    if (this.#owed.size === 0 || !this.connections.isUsable(this.#server)) return;
    const owed = [...this.#owed];
    this.#owed.clear();
    this.#send(owed).catch(() => {
      for (const tenant of owed) this.#owed.add(tenant);
    });
  }

  /** Writes of one turn of the event loop share a call. */
  #gather(tenant: string): Promise<void> {
    this.#gathered.add(tenant);
    return (this.#sending ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        const tenants = [...this.#gathered];
        this.#gathered.clear();
        this.#sending = undefined;
        this.#send(tenants).then(resolve, reject);
      });
    }));
  }

  async #send(tenants: readonly string[]): Promise<void> {
    const activeMs = ACTIVE_MS + this.#underWayMs;
    for (let at = 0; at < tenants.length; at += NAMES_AT_ONCE) {
      const some = tenants.slice(at, at + NAMES_AT_ONCE);
      const until = this.now() + activeMs;
      await this.#run(activateScript, [String(activeMs), String(SOON_MS), ...some]);
      for (const tenant of some) this.#activeUntil.set(tenant, until);
    }
  }

  async #run(script: RedisScript, args: readonly string[]): Promise<unknown> {
    const { namespace } = this.context;
    const keys = [tenantsKey(namespace), activeTenantsKey(namespace)];
    const all = [...leadingArguments(this.context, 'default'), ...args];
    try {
      return await script.run(this.connections.command(keys[0] as string), keys, all);
    } catch (error) {
      throw this.context.taken.noted(awayIfLost(error));
    }
  }
}

function pauseOf(nowMs: number, next: unknown): number {
  return next === '' ? Number.POSITIVE_INFINITY : Number(textOf(next)) - nowMs;
}

/** The next time at which a group becomes due. */
function groupOf(ms: number): number {
  return Math.ceil(ms / GROUP_MS) * GROUP_MS;
}
