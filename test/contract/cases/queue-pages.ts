import { describe, expect, it } from '@jest/globals';
import { newTask, queueNames, TestQueue } from '../../support/tasks.js';
import type { Fixture } from '../engine-under-test.js';
import { MAX_LEASED_SHOWN } from '../../../src/engine/limits.js';

export function describeQueuePages(fixture: Fixture): void {
  const tenantWith = async (names: readonly string[]) => {
    const tenant = fixture.tenant();
    await new TestQueue(tenant.engine, tenant.name).commit({ enqueue: names.map((name) => newTask(name)) });
    return tenant;
  };

  describe('a page of queues', () => {
    const numbered = Array.from({ length: 25 }, (_, i) => `n-${String(i).padStart(2, '0')}`);

    it.each([1, 2, 7, 24, 25, 26, 1000])(
      'of at most %i: following them shows each queue once, by name',
      async (limit) => {
        const tenant = await tenantWith(numbered.toReversed());
        expect(await queueNames(tenant.engine, tenant.name, '', limit)).toEqual(numbered);
        const page = await tenant.engine.tasks.listQueues(tenant.name, { prefix: '', limit });
        expect(page.queues.length).toBe(Math.min(limit, 25));
        expect(page.next).toBe(limit < 25 ? numbered[limit - 1] : undefined);
      },
    );

    it('shows what each queue shows by itself', async () => {
      const tenant = await tenantWith(['a', 'b', 'b']);
      await tenant.engine.tasks.pause(tenant.name, 'c', true);
      await new TestQueue(tenant.engine, tenant.name, 'b').take();
      const { queues, unreadable } = await tenant.engine.tasks.listQueues(tenant.name, { prefix: '', limit: 10 });
      const alone = ['a', 'b', 'c'].map((name) => tenant.engine.tasks.findQueue(tenant.name, name));
      expect(queues).toEqual(await Promise.all(alone));
      expect(unreadable).toEqual([]);
    });

    it('begins after a name that is gone, or never was', async () => {
      const tenant = await tenantWith(['a', 'c', 'd']);
      const from = async (after: string, prefix = '') => {
        const page = await tenant.engine.tasks.listQueues(tenant.name, { prefix, after, limit: 2 });
        return [page.queues.map(({ name }) => name), page.next];
      };
      expect(await from('b')).toEqual([['c', 'd'], undefined]);
      expect(await from('~')).toEqual([[], undefined]);
      expect(await from('-')).toEqual([['a', 'c'], 'c']);
      expect(await from('a', 'c')).toEqual([['c'], undefined]);
      expect(await from('d', 'c')).toEqual([[], undefined]);
    });

    it('has only the names with a prefix, whatever surrounds them', async () => {
      const names = ['mail', 'mail-1', 'mail-2', 'mail:x', 'mail~', 'mai', 'maim', 'Mail', 'n'];
      const tenant = await tenantWith(names);
      for (const limit of [1, 2, 100]) {
        const all = (prefix: string) => queueNames(tenant.engine, tenant.name, prefix, limit);
        expect(await all('mail')).toEqual(['mail', 'mail-1', 'mail-2', 'mail:x', 'mail~']);
        expect(await all('mail-')).toEqual(['mail-1', 'mail-2']);
        expect(await all('mail~')).toEqual(['mail~']);
        expect(await all('x')).toEqual([]);
      }
    });

    it('ends early where queues have many leased tasks, and the next one goes on', async () => {
      await fixture.withEngine({ options: { tasks: { ...LIMITS, maxOpen: 10_000 } } }, async (tenant) => {
        const names = ['a', 'b', 'c'];
        for (const name of names) {
          const queue = new TestQueue(tenant.engine, tenant.name, name);
          for (let at = 0; at < MAX_LEASED_SHOWN; at += 250) await queue.enqueueSome(250);
          while ((await queue.claim(250)).tasks.length > 0);
        }
        const first = await tenant.engine.tasks.listQueues(tenant.name, { prefix: '', limit: 100 });
        expect([first.queues.map(({ leased }) => leased), first.next]).toEqual([[MAX_LEASED_SHOWN], 'a']);
        expect(await queueNames(tenant.engine, tenant.name)).toEqual(names);
      });
    });
  });
}

const LIMITS = {
  maxOpen: 1000,
  maxBytes: 2 ** 30,
  resultMs: 3_600_000,
  progressMs: 600_000,
  deadMs: 604_800_000,
  maxDead: 1000,
};
