import { describe, expect, it } from '@jest/globals';
import { silentObserver, type EngineObserver } from '../../../src/engine/engine.js';
import type { QueueRecord } from '../../../src/engine/task-queues.js';
import { put } from '../../support/parts.js';
import { sweepAll } from '../../support/task-dump.js';
import { TestQueue } from '../../support/tasks.js';
import { TestTenant } from '../../support/tenant.js';
import { testOptions, type EngineUnderTest, type Fixture } from '../engine-under-test.js';
import { eventsOf } from './feed.js';

function counting(): { readonly observer: EngineObserver; readonly expired: () => number } {
  let sum = 0;
  const observer = { ...silentObserver, expired: (count: number) => void (sum += count) };
  return { observer, expired: () => sum };
}

async function die(queue: TestQueue): Promise<void> {
  await queue.enqueue();
  await queue.fail(await queue.take(), { isRetryable: false });
}

export function describeSweeping(fixture: Fixture): void {
  describe('a sweep', () => {
    it('removes what has expired, and nothing else, and tells how many', async () => {
      const { observer, expired } = counting();
      await fixture.withEngine({ observer }, async (tenant, { engine, clock }) => {
        const told: number[] = [];
        // The sweep of the engine itself may come first, but not three times in a row.
        for (let round = 1; round <= 3; round++) {
          for (const id of ['a', 'b', 'c']) await tenant.put(id, { status: 'x' }, { ttl: 10 });
          await tenant.put('later', {}, { ttl: 100_000 });
          await tenant.put('never', {}, { ttl: null });
          clock.advance(9);
          expect(await engine.sweep()).toBe(0);
          clock.advance(1);
          told.push(await engine.sweep());
          expect(expired()).toBe(3 * round);
          expect(await engine.sweep()).toBe(0);
          expect((await tenant.ids()).sort()).toEqual(['later', 'never']);
          expect(await tenant.count({ fields: { status: 'x' } })).toBe(0);
        }
        expect(told).toContain(3);
        for (const count of told) expect([0, 3]).toContain(count);
      });
    });

    it('goes through all tenants', async () => {
      const { observer, expired } = counting();
      await fixture.withEngine({ observer }, async (one, { engine, clock }) => {
        for (const name of ['default', 'two', one.name]) await new TestTenant(engine, name).put('a', {}, { ttl: 10 });
        clock.advance(10);
        await engine.sweep();
        expect(expired()).toBe(3);
      });
    });

    it('ends with everything swept when it is repeated, however much there is', async () => {
      const { observer, expired } = counting();
      await fixture.withEngine({ observer }, async (tenant, { engine, clock }) => {
        for (let i = 0; i < 1200; i += 50) {
          const ids = Array.from({ length: 50 }, (_, j) => `w-${i + j}`);
          await tenant.commit({ puts: ids.map((id) => put(id, {}, { ttl: 10 })) });
        }
        clock.advance(10);
        expect(await tenant.count()).toBe(0);
        while ((await engine.sweep()) > 0);
        expect(expired()).toBe(1200);
        expect(await tenant.count()).toBe(0);
      });
    });

    it('with nothing to do changes nothing', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { n: 1 }, { ttl: null });
      await fixture.engine.sweep();
      await fixture.engine.sweep();
      expect(await tenant.get('a')).toMatchObject({ version: 1, state: '{"n":1}' });
    });
  });

  describe('a sweep of a tenant that nobody has written for long', () => {
    const HOUR = 3_600_000;

    /** Time passes until every engine has noticed that the tenant is idle. */
    const idle = async ({ engine, clock }: EngineUnderTest) => {
      for (let i = 0; i < 5; i++) {
        clock.advance(30_000);
        await sweepAll(engine);
      }
    };

    it('comes when the first of its workflows expires, and when the next one does', async () => {
      await fixture.withEngine({}, async (tenant, opened) => {
        const { engine, clock } = opened;
        const told = async () =>
          (await eventsOf(engine, tenant.name)).map(({ type, fields }) => `${type} ${fields['id']}`);
        const start = clock.ms;
        await tenant.put('late', {}, { ttl: 2 * HOUR });
        await tenant.put('early', {}, { ttl: HOUR });
        await idle(opened);
        await tenant.put('first', {}, { ttl: HOUR / 2 });
        const created = ['late', 'early', 'first'].map((id) => `workflow.created ${id}`);
        const expired = (...ids: readonly string[]) => [...created, ...ids.map((id) => `workflow.expired ${id}`)];
        await idle(opened);
        clock.advance(HOUR / 2);
        await engine.sweep();
        expect(await told()).toEqual(expired('first'));
        await idle(opened);
        expect(await told()).toEqual(expired('first'));
        clock.advance(start + HOUR - clock.ms);
        await engine.sweep();
        expect(await told()).toEqual(expired('first', 'early'));
        await idle(opened);
        clock.advance(start + 2 * HOUR - clock.ms);
        await engine.sweep();
        expect(await told()).toEqual(expired('first', 'early', 'late'));
      });
    });

    const { deadMs } = testOptions.tasks;
    const kinds: readonly [
      string,
      (queue: TestQueue, now: number) => Promise<unknown>,
      number,
      Partial<QueueRecord>,
    ][] = [
      ['a delay ends', (q) => q.enqueue({ start: { delayMs: HOUR } }), HOUR, { ready: 1, delayed: 0 }],
      ['a lease ends', (q) => q.enqueue().then(() => q.take({ leaseMs: HOUR })), HOUR, { ready: 1, leased: 0 }],
      [
        'a task expires at its time',
        (q, now) => q.enqueue({ expires: { atMs: now + HOUR } }),
        HOUR,
        { ready: 0, dead: 1 },
      ],
      ['a waiting task expires', (q) => q.enqueue({ expires: { afterDueMs: HOUR } }), HOUR, { ready: 0, dead: 1 }],
      ['the retention of a dead task ends', die, deadMs, { dead: 0 }],
    ];
    it.each(kinds)('comes when %s', async (_, make, afterMs, expected) => {
      await fixture.withEngine({}, async (tenant, opened) => {
        const { engine, clock } = opened;
        const queue = new TestQueue(engine, tenant.name);
        await make(queue, clock.ms);
        const start = clock.ms;
        await idle(opened);
        const before = await queue.look();
        clock.advance(start + afterMs - 1 - clock.ms);
        await engine.sweep();
        expect(await queue.look()).toEqual({ ...before, perMinute: expect.anything(), workers: expect.anything() });
        clock.advance(1);
        await sweepAll(engine);
        expect(await queue.look()).toMatchObject(expected);
      });
    });

    it('comes for each of many tenants (invariant 26)', async () => {
      const { observer, expired } = counting();
      await fixture.withEngine({ observer }, async (_, opened) => {
        const { engine, clock } = opened;
        const start = clock.ms;
        const names = Array.from({ length: 250 }, (__, i) => `t-${i}`);
        await Promise.all(names.map((name) => new TestTenant(engine, name).put('a', {}, { ttl: HOUR })));
        await idle(opened);
        clock.advance(start + HOUR - clock.ms);
        while ((await engine.sweep()) > 0);
        expect(expired()).toBe(250);
      });
    });
  });

  describe('an inspection', () => {
    it('says that the store is reachable, what a crash can lose, and how it is doing', async () => {
      const report = await fixture.engine.inspect();
      expect(report.reachable).toBe(true);
      expect(report.latencyMs).toBeGreaterThanOrEqual(0);
      expect(report.durability).not.toBe('');
      expect(Array.isArray(report.warnings)).toBe(true);
      for (const value of Object.values(report.details))
        expect(['string', 'number', 'boolean', 'object']).toContain(typeof value);
    });
  });
}
