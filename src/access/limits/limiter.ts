import type { IncomingMessage } from 'node:http';
import type { LimitsConfig } from '../../config/config.js';
import type { Policy } from '../../config/policies.js';
import type { Caller } from '../../http/caller.js';
import type { Counted, HeaderTarget, Limiter } from '../admission.js';
import { OPERATIONS, type Operation } from '../routes.js';
import type { Leases } from './leases.js';
import { LimitNotFoundError, RateLimitedError } from './limit-errors.js';
import { setLimitHeaders } from './limit-headers.js';
import type { LimitMetrics } from './limit-metrics.js';
import { bucketOf, type Limit } from './limit.js';
import type { Holding, TenantPolicies } from './tenant-policies.js';

/** Tenant of the buckets for requests without a valid credential. */
const NO_TENANT = '.access';
/** Cost of a request with a wrong credential: an address can try twenty a minute. */
const WRONG_COST = 3;

export interface RateLimiterParts {
  readonly config: LimitsConfig;
  /** True if requests without a credential are served; they are not limited then. */
  readonly isOpen: boolean;
  readonly policies: TenantPolicies;
  readonly leases: Leases;
  readonly metrics: LimitMetrics;
  /** Address of a request, as limits count it. */
  readonly addressOf: (request: IncomingMessage) => string;
}

/** Limits of one caller by operation, found once. Undefined if no limit applies. */
type Applied = Readonly<Record<Operation, Applying | undefined>>;

interface Applying {
  readonly limits: readonly Limit[];
  /** Policies whose subject is the address of the request. */
  readonly byAddress: readonly { readonly name: string; readonly policy: Policy }[];
}

/** Counts requests against the policies of their callers. A caller without a policy costs one look-up. */
export class RateLimiter implements Limiter {
  readonly #byCaller = new WeakMap<Caller, { readonly holding: Holding; readonly applied: Applied }>();

  constructor(private readonly parts: RateLimiterParts) {}

  /** @throws RateLimitedError */
  take(caller: Caller, operation: Operation, request: Counted, reply: HeaderTarget): void | Promise<void> {
    if (isUnlimited(caller)) return undefined;
    const applying = this.#appliedTo(caller)[operation];
    if (applying === undefined) return undefined;
    const { limits, byAddress } = applying;
    if (byAddress.length === 0) return this.#spend(limits, 1, reply);
    const address = this.parts.addressOf(request.raw);
    const all = byAddress.map(({ name, policy }) => this.#limit(caller.tenant, name, policy, address));
    return this.#spend([...limits, ...all], 1, reply);
  }

  /** @throws RateLimitedError */
  takeRefused(isWrong: boolean, request: Counted, reply: HeaderTarget): void | Promise<void> {
    const { config, isOpen } = this.parts;
    const { ip } = config;
    if (ip === undefined || isOpen) return undefined;
    const limit = this.#limit(NO_TENANT, 'ip', ip, this.parts.addressOf(request.raw));
    return this.#spend([limit], Math.min(isWrong ? WRONG_COST : 1, ip.burst), reply);
  }

  /** Names of the policies that apply to requests of the caller. */
  namesOf(caller: Caller): readonly string[] {
    if (isUnlimited(caller)) return [];
    const applying = Object.values(this.#appliedTo(caller)).flatMap((one) => [
      ...(one?.limits ?? []),
      ...(one?.byAddress ?? []),
    ]);
    return [...new Set(applying.map(({ name }) => name))];
  }

  /** The named limit of the caller. Each key has a bucket of its own. @throws LimitNotFoundError */
  find(caller: Caller, name: string, request: Counted, key?: string): Limit {
    const policy = this.parts.policies.of(caller).get(name);
    const subject = policy?.per === 'ip' ? [this.parts.addressOf(request.raw)] : policy && subjectOf(caller, policy);
    if (policy === undefined || subject === undefined) throw new LimitNotFoundError(name);
    return this.#limit(caller.tenant, name, policy, ...subject, ...(key === undefined ? [] : [key]));
  }

  #appliedTo(caller: Caller): Applied {
    const holding = this.parts.policies.ofTenant(caller.tenant);
    const known = this.#byCaller.get(caller);
    if (known?.holding === holding) return known.applied;
    const applied = this.#findApplied(caller);
    this.#byCaller.set(caller, { holding, applied });
    return applied;
  }

  #findApplied(caller: Caller): Applied {
    const policies = this.parts.policies.of(caller);
    return Object.fromEntries(
      OPERATIONS.map((operation) => {
        const named = ['user', 'key', operation].flatMap((name) => {
          const policy = policies.get(name);
          return policy === undefined ? [] : [{ name, policy }];
        });
        const limits = named.flatMap(({ name, policy }) => {
          const subject = subjectOf(caller, policy);
          return subject === undefined ? [] : [this.#limit(caller.tenant, name, policy, ...subject)];
        });
        const byAddress = named.filter(({ policy }) => policy.per === 'ip');
        return [operation, limits.length + byAddress.length === 0 ? undefined : { limits, byAddress }];
      }),
    ) as Applied;
  }

  #limit(tenant: string, name: string, policy: Policy, ...subject: readonly string[]): Limit {
    const { leases, metrics } = this.parts;
    const counts = metrics.of(name);
    return { name, policy, counts, lease: leases.of(tenant, bucketOf(name, ...subject), policy, counts.local) };
  }

  #spend(limits: readonly Limit[], cost: number, reply: HeaderTarget): void | Promise<void> {
    const { leases, config } = this.parts;
    const now = performance.now();
    for (let i = 0; i < limits.length; i++) {
      const first = leases.spend((limits[i] as Limit).lease, cost, now);
      if (first === true) continue;
      // Rare case: a limit refuses, or must ask the store.
      const rest = limits.slice(i + 1).map(({ lease }) => leases.spend(lease, cost, now));
      return this.#decideWhenKnown(limits, [...limits.slice(0, i).map(() => true), first, ...rest], cost, reply);
    }
    for (const { counts } of limits) counts.taken.count++;
    setLimitHeaders(reply, limits, config.headers);
  }

  #decideWhenKnown(
    limits: readonly Limit[],
    spent: readonly (boolean | Promise<boolean>)[],
    cost: number,
    reply: HeaderTarget,
  ): void | Promise<void> {
    if (!spent.some((one) => one instanceof Promise)) {
      const known = limits.map(({ lease }, i) => ({ isGranted: spent[i] === true, until: lease.until }));
      return this.#decide(limits, known, cost, reply);
    }
    return Promise.all(
      limits.map(async ({ lease }, i) => ({ isGranted: (await spent[i]) === true, until: lease.until })),
    ).then((known) => this.#decide(limits, known, cost, reply));
  }

  /** @throws RateLimitedError */
  #decide(limits: readonly Limit[], spent: readonly Spent[], cost: number, reply: HeaderTarget): void {
    const { leases, config } = this.parts;
    const violated = limits.filter(({ policy }, i) => policy.mode === 'enforce' && spent[i]?.isGranted === false);
    limits.forEach(({ lease, counts, policy }, i) => {
      const { isGranted, until } = spent[i] as Spent;
      if (!isGranted) (policy.mode === 'shadow' ? counts.shadow : counts.refused).count++;
      else if (violated.length > 0) leases.refund(lease, cost, until);
      else counts.taken.count++;
    });
    if (violated.length === 0) return setLimitHeaders(reply, limits, config.headers);
    const retryAfterMs = Math.max(...violated.map(({ lease }) => leases.retryAfterMs(lease, cost)));
    setLimitHeaders(reply, limits, config.headers, retryAfterMs);
    throw new RateLimitedError(
      violated.map(({ name }) => name),
      retryAfterMs,
    );
  }
}

interface Spent {
  readonly isGranted: boolean;
  /** End of the lease that the cost was spent from. */
  readonly until: number;
}

/**
 * Subject of a policy. Undefined if the policy does not apply to the caller, or if its subject is the address, which
 * only the request has.
 */
function subjectOf({ user, keyId }: Caller, { per }: Policy): readonly string[] | undefined {
  if (per === 'tenant') return [];
  const subject = per === 'user' ? user : per === 'key' ? keyId : undefined;
  return subject === undefined ? undefined : [subject];
}

function isUnlimited({ kind }: Caller): boolean {
  return kind === 'open' || kind === 'operator';
}
