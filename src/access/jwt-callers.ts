import type { Caller } from '../http/caller.js';
import { AccessUnknownError, CredentialExpiredError, InvalidCredentialError } from './access-errors.js';
import { IssuerUnavailableError } from './issuer-keys.js';
import { JwtRefusedError, ROLE_CLAIM, type JwtClaims, type JwtVerifier } from './jwt.js';
import { maskOf, ROLES, TENANT_SCOPES, type Role } from './scopes.js';

/** Roles that a token may name. A token makes nobody an operator. */
const TOKEN_ROLES: readonly Role[] = ['reader', 'worker', 'writer', 'admin'];
const DEFAULT_ROLE: Role = 'writer';

/** Callers by JSON Web Tokens: users of a tenant. Whether the tenant exists is checked later. */
export class JwtCallers {
  constructor(private readonly verifier: JwtVerifier) {}

  /** @throws InvalidCredentialError @throws CredentialExpiredError @throws AccessUnknownError */
  async find(token: string): Promise<Caller> {
    const claims = await this.verifier.verify(token).catch((error: unknown) => {
      throw asServiceError(error);
    });
    const { tenant, user, role, expiresAtMs } = claims;
    const scopes = scopesOf(claims);
    return { tenant, by: user, kind: 'user', user, scopes, expiresAtMs, ...(role !== undefined && { role }) };
  }
}

/**
 * Scopes of a token: those of its role, or those that its claim `scope` names. If it has both, only scopes that are in
 * both.
 */
function scopesOf({ role, scopes }: JwtClaims): number {
  const own = TENANT_SCOPES.filter((scope) => scopes.includes(scope));
  const named = TOKEN_ROLES.find((one) => one === role);
  if (role !== undefined && named === undefined)
    throw new InvalidCredentialError(`The claim ${ROLE_CLAIM} of the token must be ${TOKEN_ROLES.join(', ')}`);
  if (own.length === 0) return ROLES[named ?? DEFAULT_ROLE];
  return maskOf(own) & (named === undefined ? ~0 : ROLES[named]);
}

function asServiceError(error: unknown): unknown {
  if (error instanceof IssuerUnavailableError)
    return new AccessUnknownError({ cause: error, message: `${error.message}; repeat the request` });
  if (!(error instanceof JwtRefusedError)) return error;
  return error.reason === 'expired' ? new CredentialExpiredError(error.says) : new InvalidCredentialError(error.says);
}

/** Tokens of this service have no dots. */
export function isJwt(token: string): boolean {
  return token.split('.', 4).length === 3;
}
