import type { Config } from './config.js';
import { itemsOf, type Environment } from './environment.js';

export function encryptionConfig(
  read: Environment,
  refuse: (name: string, says: string) => void,
): Config['encryption'] {
  const { TOKEN_ENCRYPTION_KEY: key, TOKEN_ENCRYPTION_OLD_KEYS: oldKeys = '' } = read;
  const old = itemsOf(oldKeys);
  if (key === undefined && old.length > 0) {
    refuse('TOKEN_ENCRYPTION_KEY', 'is needed with TOKEN_ENCRYPTION_OLD_KEYS: the key that seals from now on');
  }
  return { key, oldKeys: old };
}
