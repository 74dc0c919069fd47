import { DIGEST_LENGTH } from '../../records/check.js';
import { KEY_NAMES, OWN, typeOfKey, type KeyType } from '../keys.js';

/** Schemas 3 and 4: names and fields that only this folder and scripts/upgrading know. */
export const FORMER = {
  /** In schema 3 the names had no `waymark:`. */
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
  /** Announcements of schema 4. */
  ANNOUNCED: `${OWN}tenants:active`,
  /** In schema 4 one hash had the index entries of all workflows. */
  ENTRIES: `${KEY_NAMES.index}values`,
  /** Length of the digest at the start of the field `check` of schema 4. */
  DIGEST_LENGTH,
} as const;

const STAY: readonly string[] = [FORMER.SCHEMA_KEY, FORMER.ACTIVE_KEY];

/** Type of a key of schema 3 that gets another name; undefined for any other. `rest` is the key without its prefix. */
export function formerTypeOf(rest: string): KeyType | undefined {
  if (STAY.includes(rest) || rest.startsWith(OWN) || rest.startsWith(KEY_NAMES.state.slice(0, -1))) return undefined;
  return typeOfKey(`${OWN}${rest}`);
}

/** Index of schema 4 by a value in the order of creation. */
export function isFormerIndex(rest: string): boolean {
  return rest.startsWith(`${KEY_NAMES.index}created-by:`);
}
