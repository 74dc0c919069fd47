import type { Database } from 'lmdb';

type Transacting = Pick<Database, 'childTransaction'>;

/**
 * Runs `action` in a transaction; settles when it is on the disk. As a child transaction, because only that one is rolled back
 * when its action throws. Of a commit that fails, lmdb rejects with an error that says nothing, and tells why in a promise of
 * its own; left alone, that one would end the process as an unhandled rejection.
 */
export async function inTransaction<T>(database: Transacting, action: () => T): Promise<T> {
  try {
    return await database.childTransaction(action);
  } catch (error) {
    const { commitError } = error as { commitError?: Promise<never> };
    throw commitError === undefined ? error : await commitError.catch((cause: unknown) => cause);
  }
}
