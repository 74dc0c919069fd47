import { ServiceError } from '../service-error.js';

/** Result of a read. `over`: ids of tasks that are stored as leased although their lease is over. */
export interface Seen<T> {
  readonly found: T;
  readonly over: readonly string[];
}

/**
 * Reads tasks as a claim would find them: leases that are over end first, with their events, and the read runs again.
 * A store that refuses the change still answers the read.
 */
export async function readAfterLeases<T>(
  read: () => Promise<Seen<T>>,
  endLeases: (ids: readonly string[]) => Promise<unknown>,
): Promise<T> {
  const { found, over } = await read();
  if (over.length === 0) return found;
  try {
    await endLeases(over);
  } catch (error) {
    if (error instanceof ServiceError) return found;
    throw error;
  }
  return (await read()).found;
}
