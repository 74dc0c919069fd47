import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { failing, increment, merge } from '../../support/edits.js';
import { once, patch, put, remove, touch } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import { claimOf, newTask, TestQueue } from '../../support/tasks.js';
import { dumpTasks } from '../../support/task-dump.js';
import type { Parts, TestTenant } from '../../support/tenant.js';
import { MIB, testOptions, type Fixture } from '../engine-under-test.js';

const FEW = { options: { tasks: { ...testOptions.tasks, maxOpen: 4 } } };

/** Place in the order of the checks. An error of an edit may be found at any time after the check of the lease. */
type Stage = 'sizes' | 'lease' | 'puts' | 'patches' | 'deletes' | 'touches' | 'enqueue' | 'edit';
const STAGES: readonly Stage[] = ['sizes', 'lease', 'puts', 'patches', 'deletes', 'touches', 'enqueue'];

interface Flaw {
  readonly name: string;
  readonly stage: Stage;
  readonly parts: Parts;
  readonly refusal: object;
}

export function describeTaskAtomicity(fixture: Fixture): void {
  /** Everything that a commit can name: four workflows, a leased task, a queue with capacity and a full one. */
  const prepared = async (tenant: TestTenant) => {
    const q = new TestQueue(tenant.engine, tenant.name);
    await tenant.commit({ puts: ['a', 'b', 'c', 'd'].map((id) => put(id, { n: 1 })) });
    const held = await q.enqueue({ workflowId: 'a' });
    const task = await q.take();
    const full = new TestQueue(tenant.engine, tenant.name, 'full');
    const waiting = await full.enqueueSome(4, { workflowId: 'b' });
    const ack = { taskId: task.id, token: task.token, result: '"done"' };
    const next = [newTask('q', { workflowId: 'a' }), newTask('q', { workflowId: 'new', start: { delayMs: 10 } })];
    const good: Parts = {
      ack,
      puts: [put('a', { n: 2 }, { expect: { version: 1 } }), put('new', {}, { expect: { exists: false } })],
      patches: [patch('b', merge({ n: 2 }), { expect: { version: 1 } })],
      deletes: [remove('c', { exists: true })],
      touches: [touch('d', null, { version: 1 })],
      enqueue: next,
      publish: [{ channel: 'c', type: 'told', payload: '1' }],
      claim: claimOf('q'),
    };
    const conflict = { code: 'VERSION_CONFLICT' };
    const flaws: Flaw[] = [
      {
        name: 'another token',
        stage: 'lease',
        parts: { ack: { ...ack, token: 'other' } },
        refusal: { code: 'LEASE_LOST', failed: { part: 'ack', index: 0 } },
      },
      {
        name: 'no such task',
        stage: 'lease',
        parts: { ack: { ...ack, taskId: 'nobody' } },
        refusal: { code: 'TASK_NOT_FOUND', failed: { part: 'ack', index: 0 } },
      },
      {
        name: 'another version to put',
        stage: 'puts',
        parts: { puts: [put('new', {}), put('a', {}, { expect: { version: 7 } })] },
        refusal: { ...conflict, failed: { part: 'puts', index: 1 } },
      },
      {
        name: 'a state that is too large',
        stage: 'sizes',
        parts: { puts: [put('new', {}), put('a', 'x'.repeat(MIB))] },
        refusal: { code: 'STATE_TOO_LARGE', failed: { part: 'puts', index: 1 } },
      },
      {
        name: 'another version to patch',
        stage: 'patches',
        parts: { patches: [patch('b', merge({}), { expect: { version: 7 } })] },
        refusal: { ...conflict, failed: { part: 'patches', index: 0 } },
      },
      {
        name: 'nothing to patch',
        stage: 'patches',
        parts: { patches: [patch('b', merge({})), patch('nobody', merge({}))] },
        refusal: { code: 'WORKFLOW_NOT_FOUND', failed: { part: 'patches', index: 1 } },
      },
      {
        name: 'an edit that fails',
        stage: 'edit',
        parts: { patches: [patch('b', failing())] },
        refusal: { message: 'This edit always fails' },
      },
      {
        name: 'another tag to delete',
        stage: 'deletes',
        parts: { deletes: [remove('c', { etags: ['"other-1"'] })] },
        refusal: { ...conflict, failed: { part: 'deletes', index: 0 } },
      },
      {
        name: 'nothing to delete',
        stage: 'deletes',
        parts: { deletes: [remove('nobody')] },
        refusal: { code: 'WORKFLOW_NOT_FOUND', failed: { part: 'deletes', index: 0 } },
      },
      {
        name: 'another life to touch',
        stage: 'touches',
        parts: { touches: [touch('d', 5, { incarnation: 'other' })] },
        refusal: { ...conflict, failed: { part: 'touches', index: 0 } },
      },
      {
        name: 'no room',
        stage: 'enqueue',
        parts: { enqueue: [...next, newTask('full')] },
        refusal: { code: 'QUEUE_FULL', failed: { part: 'enqueue', index: 2 } },
      },
    ];
    const ids = [held, ...waiting, ...next.map(({ id }) => id)];
    const look = () => dumpTasks(tenant.engine, tenant.name, ids, ['a', 'b', 'new']);
    return { q, good, flaws, look };
  };

  describe('a commit with everything', () => {
    it('changes nothing for any one flaw and any two, names the first one in the order of the checks, and is possible afterwards under the same key (invariant 9)', async () => {
      await fixture.withEngine(FEW, async (tenant) => {
        const { good, flaws, look } = await prepared(tenant);
        const name = once();
        const before = await look();
        const refused = async (some: readonly Flaw[], expected: readonly Flaw[]) => {
          const parts = Object.assign({}, good, ...some.map((flaw) => flaw.parts)) as Parts;
          const names = some.map((flaw) => flaw.name);
          const error = await refusalOf(tenant.commit(parts, name));
          const isExpected = expected.some(({ refusal }) => matches(error, refusal));
          expect({ names, error: isExpected ? 'as expected' : error }).toEqual({ names, error: 'as expected' });
          expect({ names, now: await look() }).toEqual({ names, now: before });
        };
        for (const flaw of flaws) await refused([flaw], [flaw]);
        for (const one of flaws) {
          for (const two of flaws) {
            const isOfOnePart = Object.keys(one.parts)[0] === Object.keys(two.parts)[0];
            if (!isOfOnePart) await refused([one, two], firstOf([one, two]));
          }
        }
        await refused(flaws, flaws);
        const outcome = await tenant.commit(good, name);
        expect(outcome).toMatchObject({ replayed: false, tasks: [{ isDuplicate: false }, { isDuplicate: false }] });
        expect(await look()).not.toEqual(before);
      });
    });

    it('that loses its lease by force or by cancelling changes nothing (invariants 9 and 15)', async () => {
      await fixture.withEngine(FEW, async (tenant) => {
        const { q, good, look } = await prepared(tenant);
        await q.cancel((good.ack as { taskId: string }).taskId, true);
        const before = await look();
        expect(await refusalOf(tenant.commit(good))).toMatchObject({ code: 'TASK_CANCELLED', failed: { part: 'ack' } });
        expect(await look()).toEqual(before);
      });
    });

    it('shows all of its parts or none to any concurrent reader, in whatever order it reads (invariant 9)', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      const told = async () => {
        const events = await tenant.engine.readFeed(tenant.name, undefined, 10_000);
        return events.filter(({ type }) => type === 'told').length;
      };
      // Each state is the number of rounds that have written it.
      const sights: readonly (() => Promise<number>)[] = [
        async () => ((await tenant.state('a')) as { count: number }).count,
        async () => (await q.look()).totals.completed,
        async () => (await new TestQueue(q.engine, q.tenant, 'made').depth()).ready,
        told,
        async () => (await tenant.versions('a')).length - 1,
      ];
      await tenant.put('a', { count: 0 });
      await q.enqueue();
      const rounds = 40;
      const progress = { isOver: false };
      const writer = (async () => {
        let task = await q.take();
        for (let round = 1; round <= rounds; round++) {
          const outcome = await tenant.commit({
            ack: { taskId: task.id, token: task.token, result: 'null' },
            patches: [patch('a', increment)],
            enqueue: [newTask('q'), newTask('made')],
            publish: [{ channel: 'c', type: 'told', payload: '1' }],
            claim: claimOf('q'),
          });
          task = outcome.next as ClaimedTask;
        }
        progress.isOver = true;
      })();
      for (let turn = 0; !progress.isOver; turn++) {
        const order = sights.map((_, i) => sights[(i + turn) % sights.length] as () => Promise<number>);
        let seen = 0;
        for (const look of turn % 2 === 0 ? order : order.toReversed()) {
          const now = await look();
          expect(now).toBeGreaterThanOrEqual(seen);
          seen = now;
        }
      }
      await writer;
      for (const look of sights) expect(await look()).toBe(rounds);
    });
  });

  describe('a batch of tasks', () => {
    it('with one that has no room leaves no trace, wherever that one is (invariant 13)', async () => {
      await fixture.withEngine(FEW, async (tenant) => {
        const { look } = await prepared(tenant);
        const before = await look();
        for (let bad = 0; bad < 10; bad++) {
          const tasks = Array.from({ length: 10 }, (_, i) =>
            newTask(i === bad ? 'full' : `roomy-${i}`, { dedupe: { key: `k-${i}`, keepMs: 1000 }, workflowId: 'a' }),
          );
          expect(await refusalOf(tenant.commit({ enqueue: tasks }))).toMatchObject({
            code: 'QUEUE_FULL',
            extensions: { queue: 'full', limit: 4 },
            failed: { part: 'enqueue', index: bad },
          });
          expect(await look()).toEqual(before);
          for (const { id } of tasks) expect(await tenant.engine.tasks.find(tenant.name, id)).toBeUndefined();
        }
        // The dedupe keys of the refused batch are free.
        const dedupe = { key: 'k-1', keepMs: 1000 };
        const { tasks } = await tenant.commit({ enqueue: [newTask('roomy', { dedupe })] });
        expect(tasks?.[0]?.isDuplicate).toBe(false);
      });
    });

    it('is a hundred tasks at most and all of them there, in their order (invariant 13)', async () => {
      const q = new TestQueue(fixture.engine, fixture.tenant().name);
      const tasks = Array.from({ length: 100 }, (_, n) => newTask('q', { payload: String(n) }));
      const { tasks: enqueued } = await q.commit({ enqueue: tasks });
      expect(enqueued?.map(({ task }) => task.id)).toEqual(tasks.map(({ id }) => id));
      const claimed = [...(await q.claim(50)).tasks, ...(await q.claim(50)).tasks];
      expect(claimed.map(({ payload }) => payload)).toEqual(tasks.map(({ payload }) => payload));
    });
  });
}

/** Which of two flaws an engine may name. */
function firstOf(flaws: readonly Flaw[]): readonly Flaw[] {
  const before = flaws.filter(({ stage }) => stage === 'sizes' || stage === 'lease');
  const rest = before.length > 0 ? before : flaws;
  if (rest.some(({ stage }) => stage === 'edit')) return rest;
  const first = STAGES.find((stage) => rest.some((flaw) => flaw.stage === stage));
  return rest.filter(({ stage }) => stage === first);
}

function matches(error: unknown, refusal: object): boolean {
  try {
    expect(error).toMatchObject(refusal);
    return true;
  } catch {
    return false;
  }
}
