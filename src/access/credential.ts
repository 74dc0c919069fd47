import type { IncomingHttpHeaders } from 'node:http';
import { InvalidCredentialError } from './access-errors.js';

/**
 * The credential of a request as the value `Bearer <token>`; caches use this value as their key. Authorization takes
 * precedence over X-API-Key.
 * @throws InvalidCredentialError for another scheme
 */
export function credentialOf({ authorization, 'x-api-key': apiKey }: IncomingHttpHeaders): string | undefined {
  if (authorization !== undefined) {
    if (authorization.startsWith('Bearer ')) return authorization;
    const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    if (token === undefined) throw new InvalidCredentialError();
    return `Bearer ${token}`;
  }
  return apiKey === undefined ? undefined : `Bearer ${String(apiKey)}`;
}

/** The token of a value that `credentialOf` returned. */
export function tokenIn(credential: string): string {
  return credential.slice('Bearer '.length).trim();
}

/** Names of query parameters that people put credentials into, and the beginning of the tokens of this service. */
const IN_QUERY = /[?&](?:access_token|api[-_]?key|x-api-key|auth|authorization|bearer|token)=|[?&=]wm[kos]_/i;

/** Whether the query of a URL holds a credential. Names of parameters may be encoded. */
export function holdsCredential(url: string): boolean {
  const at = url.indexOf('?');
  if (at === -1) return false;
  const query = url.slice(at);
  return IN_QUERY.test(query) || (query.includes('%') && IN_QUERY.test(decoded(query)));
}

function decoded(query: string): string {
  return query.replace(/%([2-7][0-9a-f])/gi, (_encoded, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
