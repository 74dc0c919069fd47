import { Controller, Delete, Get, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Take } from '../../engine/bucket.js';
import { Engine } from '../../engine/engine.js';
import type { Caller } from '../../http/caller.js';
import { InvalidBodyError } from '../../http/http-errors.js';
import { answer, FromBody, FromCaller, FromPath, FromQuery, Route } from '../../http/route.js';
import { RequestLifetime } from '../../waiting/request-lifetime.js';
import { InsufficientScopeError } from '../access-errors.js';
import { OPERATIONS } from '../routes.js';
import { maskOf } from '../scopes.js';
import { Leases } from './leases.js';
import { LimitNotFoundError } from './limit-errors.js';
import { remainingOf } from './limit-headers.js';
import type { Limit } from './limit.js';
import { RateLimiter } from './limiter.js';
import { LimitGive, LimitGiven, LimitKeyQuery, LimitList, LimitPath, LimitTake, LimitTaken } from './limits.dto.js';
import { TenantPolicies } from './tenant-policies.js';
import { WaitingTakes } from './waiting-takes.js';

const MANAGE = maskOf(['tenant:manage']);
const OF_REQUESTS: readonly string[] = ['user', 'key', ...OPERATIONS];

/** Limits that programs use themselves: for calls of a model, deliveries, ingestion. */
@ApiTags('limits')
@Controller('v1/limits')
export class LimitsController {
  readonly #waiting: WaitingTakes;

  constructor(
    private readonly engine: Engine,
    private readonly limiter: RateLimiter,
    private readonly leases: Leases,
    private readonly policies: TenantPolicies,
    private readonly lifetime: RequestLifetime,
  ) {
    this.#waiting = new WaitingTakes(leases);
  }

  @Get()
  @Route({
    id: 'listLimits',
    summary: 'List the limits of this caller, and what is left of each',
    answers: { 200: { says: 'Limits, by name', body: LimitList } },
  })
  async list(@FromCaller() caller: Caller, @Req() request: FastifyRequest) {
    const named = [...this.policies.of(caller)].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const limits = named.map(([name]) => this.#findOrNot(caller, name, request));
    const left = await this.#leftIn(caller.tenant, limits);
    const items = named.map(([name, policy], i) => ({ name, ...policy, remaining: left[i] ?? null }));
    return answer(200, { items });
  }

  @Post(':name/take')
  @Route({
    id: 'takeLimit',
    summary: 'Take from a limit; with waitMs, wait for it',
    description: 'Answers 200 also when the limit is used up: `allowed` says whether the caller may go on.',
    answers: { 200: { says: 'Whether the cost was taken', body: LimitTaken } },
    problems: ['LIMIT_NOT_FOUND', 'TOO_MANY_LISTENERS', 'TOO_MANY_WAITING'],
  })
  async take(
    @FromPath(LimitPath) { name }: LimitPath,
    @FromBody(LimitTake, { optional: true }) { cost, key, waitMs }: LimitTake,
    @FromCaller() caller: Caller,
    @Req() request: FastifyRequest,
  ) {
    const limit = this.limiter.find(caller, name, request, key);
    const { lease, policy, counts } = limit;
    demandWithinBurst(cost, limit);
    const isShadow = policy.mode === 'shadow';
    const isGranted = await this.lifetime.during(request, waitMs, (over) =>
      this.#waiting.take(lease, cost, isShadow ? 0 : waitMs, over),
    );
    (isGranted ? counts.taken : isShadow ? counts.shadow : counts.refused).count++;
    return answer(200, {
      allowed: isGranted || isShadow,
      remaining: remainingOf(lease),
      retryAfterMs: isGranted || isShadow ? 0 : this.leases.retryAfterMs(lease, cost),
    });
  }

  @Post(':name/give')
  @Route({
    id: 'giveLimit',
    summary: 'Give back tokens that were taken and not used',
    description: 'Limits of requests and of queues, which the service itself takes from, need the scope tenant:manage.',
    answers: { 200: { says: 'Given back', body: LimitGiven } },
    problems: ['LIMIT_NOT_FOUND'],
  })
  async give(
    @FromPath(LimitPath) { name }: LimitPath,
    @FromBody(LimitGive, { optional: true }) { cost, key }: LimitGive,
    @FromCaller() caller: Caller,
    @Req() request: FastifyRequest,
  ) {
    const limit = this.limiter.find(caller, name, request, key);
    if (isTakenByService(name)) demandManager(caller);
    demandWithinBurst(cost, limit);
    return answer(200, { remaining: await this.#giveBack(caller.tenant, limit, cost) });
  }

  @Delete(':name')
  @Route({
    id: 'resetLimit',
    summary: 'Refill a limit',
    answers: { 204: { says: 'The limit is full' } },
    problems: ['LIMIT_NOT_FOUND'],
  })
  async reset(
    @FromPath(LimitPath) { name }: LimitPath,
    @FromQuery(LimitKeyQuery) { key }: LimitKeyQuery,
    @FromCaller() caller: Caller,
    @Req() request: FastifyRequest,
  ) {
    const limit = this.limiter.find(caller, name, request, key);
    await this.#giveBack(caller.tenant, limit, limit.policy.burst);
    return answer(204);
  }

  /** Returns the tokens that can be taken afterwards. */
  async #giveBack(tenant: string, { lease }: Limit, back: number): Promise<number> {
    const [taken] = await this.engine.take(tenant, [{ ...peek(lease), back }]);
    lease.left = taken?.left ?? lease.left;
    this.leases.forget(lease);
    return remainingOf(lease);
  }

  #findOrNot(caller: Caller, name: string, request: FastifyRequest): Limit | undefined {
    try {
      return this.limiter.find(caller, name, request);
    } catch (error) {
      if (error instanceof LimitNotFoundError) return undefined;
      throw error;
    }
  }

  async #leftIn(tenant: string, limits: readonly (Limit | undefined)[]): Promise<(number | undefined)[]> {
    const leases = limits.flatMap((limit) => limit?.lease ?? []);
    // If the store is unreachable, the tokens of its last answer are shown.
    const taken = leases.length === 0 ? [] : await this.engine.take(tenant, leases.map(peek)).catch(() => []);
    leases.forEach((lease, i) => (lease.left = taken[i]?.left ?? lease.left));
    return limits.map((limit) => limit && remainingOf(limit.lease));
  }
}

/** Whether the service itself takes from this limit: for a request, or for a task of a queue. */
function isTakenByService(name: string): boolean {
  return name.startsWith('queue:') || OF_REQUESTS.includes(name);
}

/** A caller must not refill the limits of its own requests. @throws InsufficientScopeError */
function demandManager({ scopes }: Caller): void {
  if ((scopes & MANAGE) === 0) throw new InsufficientScopeError(MANAGE);
}

/** A take of nothing, whose answer has the tokens that are left. */
function peek({ bucket, rate }: Limit['lease']): Take {
  return { bucket, rate, want: 0, least: 0 };
}

/** @throws InvalidBodyError */
function demandWithinBurst(cost: number, { policy: { burst } }: Limit): void {
  if (cost <= burst) return;
  throw new InvalidBodyError([{ pointer: '/cost', message: `must be at most ${burst}, the burst of the limit` }]);
}
