import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { LmdbJournal } from '../../src/engine/memory/journal/lmdb-journal.js';
import { describeCosts, type Run } from './describe-costs.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { openJournalEngine } from './journal-engine.js';

/** Costs of each operation: transactions of the journal, and rows that they put or remove. */
const COSTS: Readonly<Record<string, readonly [transactions: number, rows: number]>> = {
  find: [0, 0],
  'find nothing': [0, 0],
  'find 10': [0, 0],
  'list a page of 10 by status': [0, 0],
  count: [0, 0],
  'count by status': [0, 0],
  'list 5 versions': [0, 0],
  'list 5 versions with states': [0, 0],
  'find an earlier version': [0, 0],
  create: [1, 3],
  put: [1, 3],
  'put with an expectation': [1, 3],
  'put a state with another status': [1, 3],
  'put 10': [1, 30],
  patch: [1, 3],
  delete: [1, 7],
  touch: [1, 1],
  publish: [1, 1],
  enqueue: [1, 4],
  'enqueue 10': [1, 31],
  'enqueue for a workflow': [1, 5],
  claim: [1, 3],
  'claim nothing': [0, 0],
  extend: [1, 1],
  progress: [1, 2],
  complete: [1, 4],
  'fail with a retry': [1, 2],
  'fail for good': [1, 2],
  release: [1, 2],
  cancel: [1, 3],
  'step: complete, put, enqueue and claim': [1, 12],
  'find a task': [0, 0],
  'find a queue': [0, 0],
  'list dead tasks': [0, 0],
  'replay a dead task': [1, 2],
  'read 10 events': [0, 0],
  'last event': [0, 0],
  'take from a bucket': [0, 0],
  'export a workflow': [0, 0],
  'import a workflow': [1, 7],
};

describe('The cost of an operation on the embedded engine', () => {
  let opened: EngineUnderTest;
  const writes = jest.spyOn(LmdbJournal.prototype, 'write');

  beforeAll(async () => void (opened = await openJournalEngine()));
  afterAll(async () => {
    writes.mockRestore();
    await opened.close();
  });

  async function costOf(run: Run): Promise<[number, number]> {
    writes.mockClear();
    await run();
    return [writes.mock.calls.length, writes.mock.calls.flatMap(([changes]) => changes).length];
  }

  describeCosts(COSTS, () => opened.engine, costOf);
});
