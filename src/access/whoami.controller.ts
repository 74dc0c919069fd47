import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Caller } from '../http/caller.js';
import { answer, FromCaller, Route } from '../http/route.js';
import { OneOf, Text, text, Time, Values } from '../http/shapes/fields.js';
import { RateLimiter } from './limits/limiter.js';
import { scopesOf } from './scopes.js';

/** Facts about the caller of a request. */
export class WhoAmI {
  @Text() tenant!: string;
  @OneOf(['open', 'operator', 'key', 'user']) kind!: Caller['kind'];
  @Text({ as: 'name', about: 'Author of the changes of the caller in the history' }) by!: string;
  @Text({ nullable: true }) keyId!: string | null;
  @Text({ nullable: true }) user!: string | null;
  @Text({ nullable: true }) role!: string | null;
  @Values(text(), { about: 'Scopes of the caller' }) scopes!: readonly string[];
  @Time({ nullable: true, about: 'End of the credential' }) expiresAtMs!: number | null;
  @Values(text(), { about: 'Limits that apply to the requests of the caller' }) policies!: readonly string[];
}

@ApiTags('access')
@Controller('v1/whoami')
export class WhoAmIController {
  constructor(private readonly limiter: RateLimiter) {}

  @Get()
  @Route({
    id: 'whoAmI',
    summary: 'Read the identity and the scopes of the caller',
    answers: { 200: { says: 'The caller', body: WhoAmI } },
  })
  async show(@FromCaller() caller: Caller) {
    const { tenant, kind, by, keyId = null, user = null, role = null, scopes, expiresAtMs = null } = caller;
    const policies = this.limiter.namesOf(caller);
    return answer(200, { tenant, kind, by, keyId, user, role, scopes: scopesOf(scopes), expiresAtMs, policies });
  }
}
