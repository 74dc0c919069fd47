import { randomBytes } from 'node:crypto';
import { Keyring } from '../../src/access/seal/keyring.js';

/** A random key, as TOKEN_ENCRYPTION_KEY takes it. */
export function newEncryptionKey(): string {
  return randomBytes(32).toString('hex');
}

export function keyringWith(key: string | undefined, ...oldKeys: readonly string[]): Keyring {
  return new Keyring({ key, oldKeys });
}

export const NO_KEYS = keyringWith(undefined);
