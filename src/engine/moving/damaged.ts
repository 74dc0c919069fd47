import { KeyTakenError, StateNotJsonError, StoreRefusedError, UnreadableReplyError } from '../errors.js';
import { ServiceError } from '../../service-error.js';
import type { Damaged, Moved, RecordKind } from './moved.js';
import type { Stamped } from './moving.js';

/** Stamp of a record that cannot be read. No other stamp equals it. */
export const DAMAGED_STAMP = 'damaged';

/** A sentence about the damage that an error reports. @throws the error itself if it is about the store, not a record */
function damageIn(error: unknown): string {
  if (error instanceof KeyTakenError)
    return `the key ${error.key} in Redis is not ours: another program keeps a ${error.type} there`;
  if (error instanceof StateNotJsonError) return error.message;
  const isUnreadable = error instanceof StoreRefusedError || error instanceof UnreadableReplyError;
  if (error instanceof ServiceError && !isUnreadable) throw error;
  const { message } = (error instanceof ServiceError ? error.cause : error) as Error;
  // A user of Redis without a right is no damage.
  if (/\bNOPERM\b/.test(message)) throw error;
  return `another program has changed it, or it is damaged: ${message}`;
}

/** The result of `read`, or the damage that ends it. `id` is empty for a list. @throws any other error */
export async function orDamaged<T>(of: RecordKind, id: string, read: () => T | Promise<T>): Promise<T | Damaged> {
  try {
    return await read();
  } catch (error) {
    return { kind: 'damaged', of, id, message: damageIn(error) };
  }
}

/** Reads all at once; if that fails, one by one, so that a damaged record harms no other. */
export async function readEach<T extends Moved>(
  kind: RecordKind,
  ids: readonly string[],
  read: (ids: readonly string[]) => Promise<(T | Damaged | undefined)[]>,
): Promise<(T | Damaged | undefined)[]> {
  if (ids.length === 0) return [];
  const all = await orDamaged(kind, '', () => read(ids));
  if (Array.isArray(all)) return all;
  const found: (T | Damaged | undefined)[] = [];
  for (const id of ids) {
    const one = await orDamaged(kind, id, () => read([id]));
    found.push(Array.isArray(one) ? one[0] : one);
  }
  return found;
}

export function isDamaged(found: object | undefined): found is Damaged {
  return found !== undefined && 'kind' in found && found.kind === 'damaged';
}

export function stampedDamage({ id, message }: Damaged): Stamped {
  return { id, stamp: DAMAGED_STAMP, bytes: 0, damage: message };
}
