import { expect, it } from '@jest/globals';
import type { Engine } from '../../src/engine/engine.js';
import type { MovedWorkflow } from '../../src/engine/moving/moved.js';
import { replaceBy } from '../support/edits.js';
import { FAIL } from '../support/moving.js';
import { patch, put, remove, touch } from '../support/parts.js';
import { newTask, claimOf, TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';

const TENANT = 'default';
export type Run = () => Promise<unknown>;
/** Prepares a run. The preparation is not counted. `n` has two digits in every run, so that all texts have equal lengths. */
type Operation = (n: string) => Promise<Run>;

/** Cases that compare the cost of each operation with `costs`. `costOf` runs an operation and measures its cost. */
export function describeCosts<C>(
  costs: Readonly<Record<string, C>>,
  engine: () => Engine,
  costOf: (run: Run) => Promise<C>,
): void {
  const names = Object.keys(operationsOf({} as Engine));

  it('is known for every operation', () => expect(Object.keys(costs)).toEqual(names));

  it.each(names)('%s', async (name) => {
    const operation = operationsOf(engine())[name] as Operation;
    // The first run also sends what Redis keeps, such as scripts.
    await costOf(await operation('10'));
    for (const n of ['11', '12']) expect(await costOf(await operation(n))).toEqual(costs[name]);
  });
}

/** A state of 1 KB with four indexed fields. */
function stateOf(n: string) {
  const fields = { status: 'open', document_type: 'letter', user_id: 'user', case_id: 'case', n };
  return { ...fields, text: 'x'.repeat(1024 - JSON.stringify({ ...fields, text: '' }).length) };
}

let made = 0;
const nextId = () => `cost-${(made++).toString().padStart(8, '0')}`;

/** The operations that are measured. Names, ids and keys have the same length in every run. */
function operationsOf(engine: Engine): Readonly<Record<string, Operation>> {
  const tenant = new TestTenant(engine, TENANT);
  const queueOf = () => new TestQueue(engine, TENANT, nextId());

  /** A workflow with this many versions. */
  const workflow = async (n: string, versions = 5): Promise<string> => {
    const id = nextId();
    for (let i = 0; i < versions; i++) await tenant.put(id, stateOf(n));
    return id;
  };
  const workflows = (n: string, count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => workflow(n, 1)));
  const task = (queue: TestQueue, workflowId?: string) =>
    newTask(queue.name, { id: nextId(), payload: JSON.stringify(stateOf('00')), ...(workflowId && { workflowId }) });
  const taken = async (workflowId?: string) => {
    const queue = queueOf();
    await tenant.commit({ enqueue: [task(queue, workflowId)] });
    return { queue, held: await queue.take() };
  };
  const dead = async () => {
    const { queue, held } = await taken();
    await queue.fail(held, { isRetryable: false });
    return { queue, id: held.id };
  };
  const page = { sort: '-updatedAt', limit: 10, includeState: true } as const;

  return {
    find: async (n) => {
      const id = await workflow(n);
      return () => engine.find(TENANT, id);
    },
    'find nothing': async () => () => engine.find(TENANT, nextId()),
    'find 10': async (n) => {
      const ids = await workflows(n, 10);
      return () => engine.findMany(TENANT, ids);
    },
    'list a page of 10 by status': async (n) => {
      await workflows(n, 10);
      return () => engine.list(TENANT, { ...page, filter: { fields: { status: 'open' } } });
    },
    count: async () => () => engine.count(TENANT, {}),
    'count by status': async () => () => engine.count(TENANT, { fields: { status: 'open' } }),
    'list 5 versions': async (n) => {
      const id = await workflow(n, 6);
      return () => engine.listVersions(TENANT, id, { limit: 5, includeState: false });
    },
    'list 5 versions with states': async (n) => {
      const id = await workflow(n, 6);
      return () => engine.listVersions(TENANT, id, { limit: 5, includeState: true });
    },
    'find an earlier version': async (n) => {
      const id = await workflow(n);
      return () => engine.findVersion(TENANT, id, 2);
    },

    create: async (n) => {
      const id = nextId();
      return () => tenant.put(id, stateOf(n));
    },
    put: async (n) => {
      const id = await workflow(n);
      return () => tenant.put(id, stateOf(n));
    },
    'put with an expectation': async (n) => {
      const id = await workflow(n);
      return () => tenant.put(id, stateOf(n), { expect: { version: 5 } });
    },
    'put a state with another status': async (n) => {
      const id = await workflow(n);
      return () => tenant.put(id, { ...stateOf(n), status: 'done' });
    },
    'put 10': async (n) => {
      const ids = await workflows(n, 10);
      return () => tenant.commit({ puts: ids.map((id) => put(id, stateOf(n))) });
    },
    patch: async (n) => {
      const id = await workflow(n);
      return () => tenant.commit({ patches: [patch(id, replaceBy(JSON.stringify(stateOf(n))))] });
    },
    delete: async (n) => {
      const id = await workflow(n);
      return () => tenant.commit({ deletes: [remove(id)] });
    },
    touch: async (n) => {
      const id = await workflow(n);
      return () => tenant.commit({ touches: [touch(id, 3_600_000)] });
    },
    publish: async (n) => () =>
      tenant.commit({ publish: [{ channel: 'news', type: 'told', payload: JSON.stringify(stateOf(n)) }] }),

    enqueue: async () => {
      const queue = queueOf();
      return () => tenant.commit({ enqueue: [task(queue)] });
    },
    'enqueue 10': async () => {
      const queue = queueOf();
      return () => tenant.commit({ enqueue: Array.from({ length: 10 }, () => task(queue)) });
    },
    'enqueue for a workflow': async (n) => {
      const id = await workflow(n);
      const queue = queueOf();
      return () => tenant.commit({ enqueue: [task(queue, id)] });
    },
    claim: async () => {
      const queue = queueOf();
      await tenant.commit({ enqueue: [task(queue)] });
      return () => queue.claim();
    },
    'claim nothing': async () => {
      const queue = queueOf();
      return () => queue.claim();
    },
    extend: async () => {
      const { queue, held } = await taken();
      return () => queue.extend(held);
    },
    progress: async () => {
      const { queue, held } = await taken();
      return () => queue.progress(held);
    },
    complete: async () => {
      const { queue, held } = await taken();
      return () => queue.complete(held);
    },
    'fail with a retry': async () => {
      const { queue, held } = await taken();
      return () => queue.fail(held);
    },
    'fail for good': async () => {
      const { queue, held } = await taken();
      return () => queue.fail(held, { isRetryable: false });
    },
    release: async () => {
      const { queue, held } = await taken();
      return () => queue.release(held);
    },
    cancel: async () => {
      const queue = queueOf();
      const one = task(queue);
      await tenant.commit({ enqueue: [one] });
      return () => queue.cancel(one.id);
    },
    'step: complete, put, enqueue and claim': async (n) => {
      const id = await workflow(n);
      const { queue, held } = await taken(id);
      return () =>
        tenant.commit({
          ack: { taskId: held.id, token: held.token, result: 'null' },
          puts: [put(id, stateOf(n))],
          enqueue: [task(queue, id)],
          claim: claimOf(queue.name),
        });
    },
    'find a task': async () => {
      const { queue, held } = await taken();
      return () => queue.find(held.id);
    },
    'find a queue': async () => {
      const { queue } = await taken();
      return () => queue.look();
    },
    'list dead tasks': async () => {
      const { queue } = await dead();
      return () => engine.tasks.listDead(TENANT, queue.name, 10);
    },
    'replay a dead task': async () => {
      const { queue, id } = await dead();
      const options = { resetAttempts: true, spreadMs: 0 };
      return () =>
        engine.tasks.replayDead(TENANT, queue.name, { ids: [id] }, options, { key: nextId(), fingerprint: '' });
    },

    'read 10 events': async (n) => {
      const after = await engine.lastEventId(TENANT);
      await workflows(n, 10);
      return () => engine.readFeed(TENANT, after, 10);
    },
    'last event': async () => () => engine.lastEventId(TENANT),
    'take from a bucket': async () => {
      const rate = { limit: 10, windowMs: 1000, burst: 10 };
      const bucket = nextId();
      return () => engine.take(TENANT, [{ bucket, rate, want: 1, least: 1 }]);
    },
    'export a workflow': async (n) => {
      const id = await workflow(n);
      return () => engine.moving.read(TENANT, 'workflow', [id]);
    },
    'import a workflow': async (n) => {
      const [record] = (await engine.moving.read(TENANT, 'workflow', [await workflow(n)])) as [MovedWorkflow];
      const id = nextId();
      return () => engine.moving.put(TENANT, { ...record, id }, FAIL);
    },
  };
}
