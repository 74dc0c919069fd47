import type { IncomingHttpHeaders } from 'node:http';
import { InvalidCredentialError } from './access-errors.js';

const SPACE = 32;
const SCHEME = 'Bearer ';

/**
 * The credential of a request as the value `Bearer <token>`; caches use this value as their key. Authorization takes
 * precedence over X-API-Key. The token is taken as it is, so that it has one form only.
 * @throws InvalidCredentialError for another scheme
 */
export function credentialOf({ authorization, 'x-api-key': apiKey }: IncomingHttpHeaders): string | undefined {
  if (authorization !== undefined) {
    if (authorization.startsWith(SCHEME) && authorization.charCodeAt(SCHEME.length) !== SPACE) return authorization;
    const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    if (token === undefined) throw new InvalidCredentialError();
    return SCHEME + token;
  }
  return apiKey === undefined ? undefined : SCHEME + String(apiKey);
}

/** The token of a value that `credentialOf` returned. */
export function tokenIn(credential: string): string {
  return credential.slice(SCHEME.length);
}

/** Parameters that people put credentials into, and values that begin like the tokens of this service. */
const PARAMETER =
  /[?&#;](?:access_token|api[-_]?key|x-api-key|auth|authorization|bearer|token)=|[?&#;=](?:bearer[ +])?wm[kos]_/i;
/** A token of this service, at any place. */
const TOKEN = /wm(?:k_[a-z0-9_-]{1,63}|[os])_[a-z2-7]{16}_[0-9a-z]{49}/i;
/** A signed JSON Web Token, at any place. It looks once at each run of its characters, however long a URL is. */
const JWT = /(?<![\w-])(?=[\w-]*e[wy])[\w-]{12,}\.e[wy][\w-]{10,}\.[\w-]{43}/;
const SHORTEST_TOKEN = 70;
/** A URL without these, and too short for a token, holds no credential. */
const SUSPECT = /[?#;%]/;
/** Encodings within each other that are looked through. */
const MAX_ENCODINGS = 3;

/** Whether a URL holds a credential: in its path, its query or what looks like a fragment, encoded or not. */
export function holdsCredential(url: string): boolean {
  if (url.length < SHORTEST_TOKEN && !SUSPECT.test(url)) return false;
  let text = url;
  for (let encodings = 0; encodings <= MAX_ENCODINGS; encodings++) {
    if (PARAMETER.test(text) || TOKEN.test(text) || JWT.test(text)) return true;
    if (!text.includes('%')) return false;
    text = decoded(text);
  }
  return false;
}

function decoded(text: string): string {
  return text.replace(/%([2-7][0-9a-f])/gi, (_encoded, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
