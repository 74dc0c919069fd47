import type { Database } from 'lmdb';

type Transacting = Pick<Database, 'childTransaction'>;

/**
 * Runs `action` in a transaction and resolves when it is on the disk. lmdb rolls back only a child transaction when its action
 * throws. When a commit fails, lmdb rejects with an empty error and puts the reason into a second promise, `commitError`, which
 * must be handled or it ends the process.
 */
export async function inTransaction<T>(database: Transacting, action: () => T): Promise<T> {
  try {
    return await database.childTransaction(action);
  } catch (error) {
    const { commitError } = error as { commitError?: Promise<never> };
    throw commitError === undefined ? error : await commitError.catch((cause: unknown) => cause);
  }
}
