import { append, merge } from './edits.js';
import type { TestClock } from './clock.js';
import { DAY, SECOND, TestQueue } from './tasks.js';
import type { TestTenant } from './tenant.js';

/** Fills a tenant with one record of each kind that can be moved; gives the ids of its tasks. */
export async function fillTenant(tenant: TestTenant, clock: TestClock): Promise<string[]> {
  const { engine, name } = tenant;
  await tenant.putText('raw', '{ "b" : [1e2, 12345678901234567890], "a": "\\u0000 ä€😀",\n "status": "open" }', {
    ttl: null,
  });
  await tenant.put('many', { status: 'v1', logs: [] }, { ttl: DAY });
  for (let i = 0; i < 5; i++) {
    clock.advance(SECOND);
    await tenant.patch('many', merge({ status: `v${i + 2}` }), { note: `note ${i} – ä\n"x"` });
  }
  await tenant.patch('many', append('logs', { at: 'end' }));
  clock.advance(SECOND);
  await tenant.put('touched', { status: 'open' }, { ttl: DAY });
  await tenant.touch('touched', 2 * DAY);
  await tenant.put('held', { status: 'waits' }, { ttl: DAY });
  await tenant.put('done-with', {}, { ttl: DAY });
  await tenant.put('short', {}, { ttl: 10 * SECOND });

  const queue = new TestQueue(engine, name, 'writer');
  const ids: string[] = [];
  const add = async (given: Parameters<TestQueue['enqueue']>[0] = {}) => {
    const id = await queue.enqueue(given);
    ids.push(id);
    return id;
  };
  await add({ priority: 3, workflowId: 'held' });
  const leased = await queue.take({ worker: 'worker-1' });
  await queue.progress(leased, '{"step":1}');
  clock.advance(SECOND);
  await queue.progress(leased, '{"step":2}');
  await add({ workflowId: 'done-with' });
  await queue.complete(await queue.take(), '{"answer":42}');
  await add({ maxAttempts: 1 });
  await queue.fail(await queue.take());
  await add({ payload: '{"n": 1.50}', headers: '{"h":"ä"}', limitMs: 60 * SECOND });
  const failing = await queue.take();
  await queue.fail(failing);
  await add({ priority: 9 });
  await add({ priority: 1, dedupe: { key: 'only once – ä', keepMs: DAY } });
  await add({ start: { delayMs: 60 * SECOND } });
  await add({ workflowId: 'done-with' });
  await queue.cancel(ids.at(-1) as string);
  await new TestQueue(engine, name, 'paused').enqueue({ id: 'stopped' });
  ids.push('stopped');
  await engine.tasks.pause(name, 'paused', true);
  await tenant.commit({
    board: {
      board: 'routing',
      // Names whose order differs between bytes, UTF-16 and languages.
      add: { total: 12, Total: 1, 'agent:ä': 3, 'agent:z': 0, '\uff5e': 5, '🚀': 4 },
      notices: ['b', 'B', 'ä', '🚀', '\uff5e'].map((notice, i) => ({
        name: notice,
        text: `"${notice}\\n"`,
        keepMs: (10 - i) * DAY,
      })),
      entries: ['{"n":1}', '{"n":2}'],
    },
  });
  await tenant.commit({ board: { board: 'short', notices: [{ name: 'gone', text: '1', keepMs: 1 }] } });
  clock.advance(1);
  return ids;
}
