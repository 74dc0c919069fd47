import { Global, Logger, Module } from '@nestjs/common';
import { Config } from '../config/config.js';
import { InvalidCredentialError } from './access-errors.js';
import { Admission, type Verifier } from './admission.js';
import { isJwt, JwtCallers } from './jwt-callers.js';
import { JwtVerifier } from './jwt.js';
import { OPERATOR_CALLER, OperatorToken } from './operator-token.js';

const DEFAULT_TENANT = 'default';

@Global()
@Module({
  providers: [
    {
      provide: Admission,
      inject: [Config],
      useFactory: async ({ access, adminToken, jwt }: Config) => {
        const operator = adminToken === undefined ? undefined : new OperatorToken(adminToken);
        const users = jwt && new JwtCallers(await JwtVerifier.create(jwt, warnOf(jwt.issuer)), checkTenant);
        const verifier: Verifier = {
          verify(token) {
            if (operator?.is(token) === true) return OPERATOR_CALLER;
            if (users !== undefined && isJwt(token)) return users.find(token);
            throw new InvalidCredentialError();
          },
        };
        return new Admission({ isOpen: access.isOpen, rules: [], openRules: [], verifier });
      },
    },
  ],
  exports: [Admission],
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
