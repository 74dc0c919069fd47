import { KEY_NAMES, OWN, typeOfKey, type KeyType } from '../keys.js';

/** Schema 3: the names had no `waymark:`. Only this folder and scripts/upgrading know it. */
export const FORMER = {
  OWN,
  SCHEMA: '3',
  SCHEMA_KEY: 'schema',
  TENANTS_KEY: 'tenants',
  EPOCH_KEY: 'epoch',
  ACTIVE_KEY: 'tenants:active',
  /** Stays under the former schema key, so that no service of schema 3 starts. */
  NEXT_SCHEMA: '4',
  /** Stays under the former key of announcements, so that no service of schema 3 can write. */
  SHUT: 'upgraded to schema 4',
} as const;

const STAY: readonly string[] = [FORMER.SCHEMA_KEY, FORMER.ACTIVE_KEY];

/** Type of a key of schema 3 that gets another name; undefined for any other. `rest` is the key without its prefix. */
export function formerTypeOf(rest: string): KeyType | undefined {
  if (STAY.includes(rest) || rest.startsWith(OWN) || rest.startsWith(KEY_NAMES.state.slice(0, -1))) return undefined;
  return typeOfKey(`${OWN}${rest}`);
}
