import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { TaskCancelledError, WaymarkClient, Worker, type Handler } from '../../src/client/index.js';
import { describeClient } from '../support/describe-service.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';

/** A service may take long to start again on a busy machine. */
const PATIENT = { giveUpAfterMs: 150_000 };

/** Runs a worker while `during` runs. */
async function withWorker(
  client: WaymarkClient,
  queue: string,
  handler: Handler,
  during: () => Promise<void>,
  leaseMs = 1000,
) {
  const worker = new Worker(client, { queue, worker: 'w-1', handler, leaseMs });
  const ended = worker.run();
  try {
    await during();
  } finally {
    worker.stop(0);
    await ended;
  }
}

describeClient('the client', (service) => {
  const connect = () => new WaymarkClient({ url: service.url });

  it('sees a task from its making to its result, with all it told on the way', async () => {
    const [client, queue, workflow] = [connect(), service.id(), service.id()];
    const { id } = await client.enqueue(queue, { payload: { n: 2 }, workflowId: workflow });
    const handler: Handler = async ({ payload }, { progress, commit }) => {
      await progress({ percent: 50 });
      const puts = [{ id: workflow, state: { status: 'done' }, expect: { exists: false } }] as const;
      await commit({ puts, enqueue: [{ queue: `${queue}-next`, payload: 'go on' }] }, payload);
    };
    await withWorker(client, queue, handler, async () => {
      const events: unknown[] = [];
      for await (const { event } of client.progressOf(id)) events.push(event);
      expect(events).toEqual([{ percent: 50 }]);
      expect(await client.getEndedTask(id)).toMatchObject({ status: 'done', result: { n: 2 } });
    });
    expect((await client.getWorkflow(workflow)).state).toEqual({ status: 'done' });
    expect((await client.getQueue(`${queue}-next`)).depth.ready).toBe(1);
  });

  it('reads the history from either end, page by page', async () => {
    const [client, workflow] = [connect(), service.id()];
    for (let n = 1; n <= 3; n++) await client.putWorkflow(workflow, { n });
    const first = await client.listVersions(workflow, { order: 'asc', limit: 2, include: 'state' });
    expect(first).toMatchObject({ items: [{ state: { n: 1 } }, { state: { n: 2 } }], nextBefore: null, nextAfter: 2 });
    const rest = await client.listVersions(workflow, { order: 'asc', after: first.nextAfter ?? 0 });
    expect(rest).toMatchObject({ items: [{ version: 3 }], nextAfter: null });
    const newest = await client.listVersions(workflow);
    expect(newest.items.map(({ version }) => version)).toEqual([3, 2, 1]);
  });

  it('stops the work on a task that is cancelled', async () => {
    const [client, queue] = [connect(), service.id()];
    const { id } = await client.enqueue(queue, { payload: null });
    const reasons: unknown[] = [];
    const handler: Handler = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason as Error);
        });
      });
    await withWorker(client, queue, handler, async () => {
      await until(async () => (await client.getTask(id)).status === 'leased', 'the task is under way');
      expect(await client.cancel(id, { reason: 'enough' })).toMatchObject({ cancelRequested: true, status: 'leased' });
      expect(await client.getEndedTask(id)).toMatchObject({ status: 'cancelled', reason: 'enough' });
    });
    expect(reasons).toEqual([expect.any(TaskCancelledError)]);
  });

  it('replays and removes what died, pauses and resumes', async () => {
    const [client, queue] = [connect(), service.id()];
    const [first, second] = await client.enqueueAll(queue, [{ payload: 1 }, { payload: 2 }]);
    const tasks = await client.claim(queue, { claimId: queue, worker: 'w', max: 2 });
    for (const task of tasks) await client.fail(task, { code: 'NO', message: 'no', retryable: false });
    expect((await client.listDead(queue)).map(({ id, failures }) => [id, failures[0]?.code]).toSorted()).toEqual(
      [first, second].map((task) => [task?.id, 'NO']).toSorted(),
    );
    expect(await client.replayDead(queue, { ids: [first?.id as string] })).toEqual({ replayed: 1, ids: [first?.id] });
    expect(await client.purgeDead(queue)).toEqual({ removed: 1 });
    expect((await client.pauseQueue(queue)).paused).toBe(true);
    expect(await client.claim(queue, { claimId: `${queue}-2`, worker: 'w' })).toEqual([]);
    expect((await client.resumeQueue(queue)).paused).toBe(false);
    expect((await client.listQueues()).map(({ name }) => name)).toContain(queue);
  });
});

describe('a worker', () => {
  it('brings its result through a crash and a restart of the service, once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'waymark-worker-'));
    let service = await startService({ DATA_DIR: folder });
    try {
      const client = new WaymarkClient({ url: service.url, retry: PATIENT });
      const { id } = await client.enqueue('q', { payload: null });
      let deliveries = 0;
      const handler: Handler = async () => {
        deliveries++;
        service.child.kill('SIGKILL');
        await until(() => service.child.signalCode !== null, 'the service is dead');
        const { port } = new URL(service.url);
        service = await startService({ DATA_DIR: folder, PORT: port });
        return 'kept';
      };
      const during = async () =>
        expect(await client.getEndedTask(id)).toMatchObject({ status: 'done', result: 'kept', attempt: 1 });
      // The lease is longer than a restart takes on a busy machine.
      await withWorker(client, 'q', handler, during, 60_000);
      expect(deliveries).toBe(1);
    } finally {
      await service.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
