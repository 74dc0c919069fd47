import { Global, Logger, Module } from '@nestjs/common';
import { Config } from '../config/config.js';
import { isLoopback } from '../config/is-loopback.js';
import { InvalidCredentialError } from './access-errors.js';
import { Admission, type Verifier } from './admission.js';
import { isJwt, JwtCallers } from './jwt-callers.js';
import { JwtVerifier } from './jwt.js';
import { OPERATOR_CALLER, OperatorToken } from './operator-token.js';
import { LocalCallers } from './web/local-callers.js';
import { WebRules } from './web/web-rules.js';
import { WebModule } from './web/web.module.js';

const DEFAULT_TENANT = 'default';

@Global()
@Module({
  imports: [WebModule],
  providers: [
    {
      provide: Admission,
      inject: [Config, WebRules, LocalCallers],
      useFactory: async ({ host, access, adminToken, jwt }: Config, web: WebRules, local: LocalCallers) => {
        const operator = adminToken === undefined ? undefined : new OperatorToken(adminToken);
        const users = jwt && new JwtCallers(await JwtVerifier.create(jwt, warnOf(jwt.issuer)), checkTenant);
        const verifier: Verifier = {
          verify(token) {
            if (operator?.is(token) === true) return OPERATOR_CALLER;
            if (users !== undefined && isJwt(token)) return users.find(token);
            throw new InvalidCredentialError();
          },
        };
        // On another address, ACCESS=open was said aloud.
        const openRule = isLoopback(host) ? local : undefined;
        return new Admission({ isOpen: access.isOpen, rules: [web], openRule, verifier });
      },
    },
  ],
  exports: [Admission, WebModule],
})
export class AccessModule {}

function checkTenant(tenant: string): void {
  if (tenant !== DEFAULT_TENANT)
    throw new InvalidCredentialError(`The tenant ${tenant} of the token does not exist here`);
}

/** At most one failed fetch in a while is tried, so each may be logged. */
function warnOf(issuer: string): (error: Error) => void {
  const logger = new Logger('Access');
  return ({ message }) => logger.warn(`keys of the issuer ${issuer} cannot be fetched: ${message}`);
}
