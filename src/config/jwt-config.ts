import type { JwtConfig } from './config.js';
import { itemsOf, type Environment } from './environment.js';

/** Present when JWT_ISSUER is given; the other settings of tokens are refused without it. */
export function jwtConfig(read: Environment, refuse: (name: string, says: string) => void): JwtConfig | undefined {
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_JWKS_URL: jwksUrl, JWT_TENANT_CLAIM: tenantClaim } = read;
  if (issuer === undefined) {
    for (const name of ['JWT_AUDIENCE', 'JWT_JWKS_URL'] as const)
      if (read[name] !== undefined) refuse(name, 'needs JWT_ISSUER, the issuer whose tokens are accepted');
    return undefined;
  }
  const audiences = itemsOf(audience ?? '');
  // Without it, tokens that the issuer made for any other service would be accepted.
  if (audiences.length === 0)
    refuse('JWT_AUDIENCE', 'is required with JWT_ISSUER: the audience in tokens for this service');
  return { issuer, audiences, jwksUrl, tenantClaim };
}
