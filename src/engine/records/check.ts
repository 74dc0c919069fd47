import { hash } from 'node:crypto';

export const DIGEST_LENGTH = 8;
const CHECK_LENGTH = 5;

/** Shape of a check in an import. */
export const CHECK = /^[A-Za-z0-9_-]{0,16}$/;

/** Short digest of a state. Same as digest_of in src/engine/redis/scripts/workflows/modules/stored-values.lua. */
export function digestOf(state: string | Uint8Array): string {
  return hash('sha1', state).slice(0, DIGEST_LENGTH);
}

/**
 * Check of a version: made of the commit that writes it and of the state that it writes. So two commits that make the
 * same version number, as after a failover that lost the newest writes, make different tags; and a commit that is run
 * again makes the same tag only with the same state.
 */
export function checkOf(onceKey: string, digest: string): string {
  return hash('sha1', `${onceKey}\n${digest}`, 'base64url').slice(0, CHECK_LENGTH);
}
