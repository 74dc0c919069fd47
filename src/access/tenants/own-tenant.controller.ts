import { Controller, Get, Patch, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { etagOf } from '../../engine/records/workflow-meta.js';
import { objectTextOf } from '../../http/body.js';
import type { Caller } from '../../http/caller.js';
import { expectationOf } from '../../http/preconditions.js';
import { answer, FromCaller, Route } from '../../http/route.js';
import { TenantSettings, type FoundSettings } from './tenant-settings.js';
import { OwnTenant } from './tenant.dto.js';
import { Tenants } from './tenants.js';

const SETTINGS = { type: 'object', description: 'RFC 7396: members replace existing ones, null removes them' };
const TYPES = ['application/merge-patch+json', 'application/json'] as const;

/** Routes for a tenant to read and change its own data. */
@ApiTags('access')
@Controller('v1/tenant')
export class OwnTenantController {
  constructor(
    private readonly tenants: Tenants,
    private readonly settings: TenantSettings,
  ) {}

  @Get()
  @Route({
    id: 'getOwnTenant',
    summary: 'Read the limits and the settings of the tenant of the caller',
    answers: { 200: { says: 'The tenant; the ETag is that of its settings', body: OwnTenant, headers: ['ETag'] } },
  })
  async get(@FromCaller() { tenant: name }: Caller) {
    const [{ record }, settings] = await Promise.all([this.tenants.get(name), this.settings.find(name)]);
    const { status, limits = {} } = record;
    return answer(200, { name, status, limits: JSON.stringify(limits), settings: settings.text }, tagged(settings));
  }

  @Patch('settings')
  @Route({
    id: 'changeSettings',
    summary: 'Change the settings of the tenant: a JSON object for its programs, which the service does not read',
    notOnce: 'A repeat of this request has the same effect, so it needs no Idempotency-Key',
    headers: ['If-Match'],
    body: { types: Object.fromEntries(TYPES.map((type) => [type, { schema: SETTINGS, example: { region: 'eu' } }])) },
    answers: { 200: { says: 'The settings after the change', raw: { type: 'object' }, headers: ['ETag'] } },
  })
  async change(@FromCaller() { tenant, by }: Caller, @Req() request: FastifyRequest) {
    const text = await objectTextOf(request, TYPES);
    const settings = await this.settings.change(tenant, by, text, expectationOf(request));
    return answer(200, settings.text, tagged(settings));
  }
}

function tagged({ meta }: FoundSettings) {
  return { headers: { etag: meta && etagOf(meta) } };
}
