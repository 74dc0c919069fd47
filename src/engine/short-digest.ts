import { createHash } from 'node:crypto';

/** 32 characters of a SHA-256. Parts are length-prefixed, so no two lists of parts hash the same bytes. */
export function shortDigest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('base64url').slice(0, 32);
}
