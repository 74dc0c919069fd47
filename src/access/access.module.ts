import { Global, Module } from '@nestjs/common';
import { Config } from '../config/config.js';
import { InvalidCredentialError } from './access-errors.js';
import { Admission, type Verifier } from './admission.js';
import { OPERATOR_CALLER, OperatorToken } from './operator-token.js';

@Global()
@Module({
  providers: [
    {
      provide: Admission,
      inject: [Config],
      useFactory: ({ access, adminToken }: Config) => {
        const operator = adminToken === undefined ? undefined : new OperatorToken(adminToken);
        const verifier: Verifier = {
          verify(token) {
            if (operator?.is(token) === true) return OPERATOR_CALLER;
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
