import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../http/caller.js';
import { ROLES } from './scopes.js';

/** Operator by ADMIN_TOKEN, or by the token file of the service. */
export const OPERATOR_CALLER: Caller = {
  tenant: 'default',
  by: 'operator',
  kind: 'operator',
  role: 'operator',
  scopes: ROLES.operator,
};

/** Checks a token of the operator. Constant-time compare; hashing first hides the length. */
export class OperatorToken {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digestOf(token);
  }

  is(given: string): boolean {
    return timingSafeEqual(digestOf(given), this.#digest);
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
