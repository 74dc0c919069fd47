import { Controller, Delete, Get, Patch, Put, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { readPolicies, type Policies } from '../../config/policies.js';
import { Engine } from '../../engine/engine.js';
import { etagOf } from '../../engine/records/workflow-meta.js';
import type { Caller } from '../../http/caller.js';
import { cursorOf, positionOf } from '../../http/cursor.js';
import { InvalidBodyError, type Issue } from '../../http/http-errors.js';
import { expectationOf } from '../../http/preconditions.js';
import { answer, FromBody, FromCaller, FromPath, FromQuery, Route } from '../../http/route.js';
import { Eraser } from './eraser.js';
import { NewTenant, Tenant, TenantChange, TenantListQuery, TenantPage, TenantPath } from './tenant.dto.js';
import { Tenants, type FoundTenant } from './tenants.js';

const LIST = 'tenants';
const NOT_ONCE = 'A repeat of this request has the same effect, so it needs no Idempotency-Key';
const EXAMPLE = { status: 'active', limits: { write: { limit: 6000, windowMs: 60_000, burst: 500 } } };

/** Tenants: each sees its own workflows, tasks and events only. */
@ApiTags('access')
@Controller('v1/tenants')
export class TenantsController {
  constructor(
    private readonly tenants: Tenants,
    private readonly eraser: Eraser,
    private readonly engine: Engine,
  ) {}

  @Get()
  @Route({
    id: 'listTenants',
    summary: 'List tenants, oldest first',
    description: 'For operators. `default` exists always, and is listed when it has limits of its own.',
    answers: { 200: { says: 'A page', body: TenantPage } },
    problems: ['INVALID_CURSOR'],
  })
  async list(@FromQuery(TenantListQuery) { limit, cursor }: TenantListQuery) {
    const after = cursor === undefined ? undefined : positionOf(LIST, cursor);
    const { items, next } = await this.tenants.list(limit, after);
    return answer(200, { items: items.map((tenant) => tenantOf(tenant)), nextCursor: cursorOf(LIST, next) });
  }

  @Get(':tenant')
  @Route({
    id: 'getTenant',
    summary: 'Read a tenant',
    description: 'For operators. While a tenant is being erased, `left` counts its workflows; then the answer is 404.',
    answers: { 200: { says: 'The tenant', body: Tenant, headers: ['ETag'] } },
  })
  async get(@FromPath(TenantPath) { tenant: name }: TenantPath) {
    const tenant = await this.tenants.get(name);
    const left = tenant.record.status === 'erasing' ? await this.engine.count(name, {}) : undefined;
    return answer(200, tenantOf(tenant, left), tagged(tenant));
  }

  @Put(':tenant')
  @Route({
    id: 'putTenant',
    summary: 'Create a tenant, or replace its status and its limits',
    description: 'For operators. To make keys of the tenant, send `POST /v1/keys` with the header `Waymark-Tenant`.',
    notOnce: NOT_ONCE,
    headers: ['If-Match', 'If-None-Match'],
    answers: {
      200: { says: 'Replaced', body: Tenant, headers: ['ETag'] },
      201: { says: 'Created', body: Tenant, headers: ['ETag'] },
    },
    problems: ['ALREADY_EXISTS', 'VERSION_CONFLICT'],
  })
  async put(
    @FromPath(TenantPath) { tenant: name }: TenantPath,
    @FromBody(NewTenant, { optional: true, example: EXAMPLE }) { status, limits }: NewTenant,
    @FromCaller() { by }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const given = { status, ...limitsOf(limits) };
    const { tenant, created } = await this.tenants.put(name, by, expectationOf(request), given);
    return created ? answer(201, tenantOf(tenant), tagged(tenant)) : answer(200, tenantOf(tenant), tagged(tenant));
  }

  @Patch(':tenant')
  @Route({
    id: 'changeTenant',
    summary: 'Suspend or resume a tenant, or change its limits',
    description: 'For operators. Members that are left out stay. A suspended tenant is refused on all replicas.',
    notOnce: NOT_ONCE,
    headers: ['If-Match'],
    answers: { 200: { says: 'The tenant as it is now', body: Tenant, headers: ['ETag'] } },
    problems: ['ALREADY_EXISTS'],
  })
  async change(
    @FromPath(TenantPath) { tenant: name }: TenantPath,
    @FromBody(TenantChange) { status, limits }: TenantChange,
    @FromCaller() { by }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const given = { ...(status !== undefined && { status }), ...limitsOf(limits) };
    const tenant = await this.tenants.change(name, by, expectationOf(request), given);
    return answer(200, tenantOf(tenant), tagged(tenant));
  }

  @Delete(':tenant')
  @Route({
    id: 'eraseTenant',
    summary: 'Erase a tenant with its workflows, tasks, events and keys',
    description: 'For operators. The tenant is refused from now on; its data is removed in the background.',
    notOnce: NOT_ONCE,
    headers: ['If-Match'],
    answers: { 202: { says: 'The erasure has begun' }, 204: { says: 'There is no such tenant' } },
  })
  async erase(
    @FromPath(TenantPath) { tenant: name }: TenantPath,
    @FromCaller() { by }: Caller,
    @Req() request: FastifyRequest,
  ) {
    if (!(await this.tenants.erase(name, by, expectationOf(request)))) return answer(204);
    void this.eraser.wake();
    return answer(202);
  }
}

function tagged({ stored }: FoundTenant) {
  return { headers: { etag: stored && etagOf(stored.meta) } };
}

function tenantOf({ name, record: { status, limits = {} }, stored }: FoundTenant, left?: number): Tenant {
  const { createdAtMs = null, updatedAtMs = null } = stored?.meta ?? {};
  return { name, status, limits: JSON.stringify(limits), createdAtMs, updatedAtMs, left };
}

/** @throws InvalidBodyError */
function limitsOf(text: string | undefined): { readonly limits?: Policies } {
  if (text === undefined) return {};
  const issues: Issue[] = [];
  const limits = readPolicies(JSON.parse(text), ({ pointer, message }) =>
    issues.push({ pointer: `/limits${pointer}`, message }),
  );
  if (issues.length > 0) throw new InvalidBodyError(issues);
  return { limits };
}
