import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Caller } from '../http/caller.js';
import { answer, FromCaller, Route } from '../http/route.js';
import { OneOf, Text, text, Time, Values } from '../http/shapes/fields.js';
import { scopesOf } from './scopes.js';

/** The caller, as the service knows it. */
export class WhoAmI {
  @Text() tenant!: string;
  @OneOf(['open', 'operator', 'key', 'user']) kind!: Caller['kind'];
  @Text({ as: 'name', about: 'Author in the history of what the caller does' }) by!: string;
  @Text({ nullable: true }) keyId!: string | null;
  @Text({ nullable: true }) user!: string | null;
  @Text({ nullable: true }) role!: string | null;
  @Values(text(), { about: 'What the caller may do' }) scopes!: readonly string[];
  @Time({ nullable: true, about: 'End of the credential' }) expiresAtMs!: number | null;
}

@ApiTags('access')
@Controller('v1/whoami')
export class WhoAmIController {
  @Get()
  @Route({
    id: 'whoAmI',
    summary: 'Who the caller is, and what it may do',
    answers: { 200: { says: 'The caller', body: WhoAmI } },
  })
  async show(@FromCaller() caller: Caller) {
    const { tenant, kind, by, keyId = null, user = null, role = null, scopes, expiresAtMs = null } = caller;
    return answer(200, { tenant, kind, by, keyId, user, role, scopes: scopesOf(scopes), expiresAtMs });
  }
}
