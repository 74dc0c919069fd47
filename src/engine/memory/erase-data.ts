import type { Transaction } from './commits/transaction.js';

/** Removes records of a tenant, up to a limit, without events in its feed. Returns the number of removed records. */
export function eraseData(transaction: Transaction, limit: number): number {
  const { workflows, tasks, outcomes, boards } = transaction.data;
  let left = limit;
  const each = <T>(items: Iterable<T>, remove: (item: T) => void) => {
    for (const item of items) {
      if (left === 0) return;
      remove(item);
      left--;
    }
  };
  each(tasks.someIds(left), (id) => {
    transaction.setProgress(id, undefined);
    transaction.replaceTask(id, undefined);
  });
  each(workflows.ids.upTo(0, left), (id) => transaction.replaceWorkflow(id, undefined));
  each(outcomes.byEnd.upTo(Infinity, left), (key) => transaction.setOutcome(key, undefined));
  each(tasks.dedupesByEnd.upTo(Infinity, left), (key) => transaction.setDedupe(key, undefined));
  // A queue goes after its tasks.
  each(left === 0 ? [] : [...tasks.queues], ([name, queue]) => transaction.removeQueue(name, queue));
  each([...boards.keys()], (name) => transaction.setBoard(name, undefined));
  left -= transaction.eraseFeed(left);
  return limit - left;
}
