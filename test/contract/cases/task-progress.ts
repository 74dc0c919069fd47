import { describe, expect, it } from '@jest/globals';
import { TestQueue } from '../../support/tasks.js';
import type { Fixture } from '../engine-under-test.js';
import { MAX_PROGRESS_EVENTS, MINUTE_MS } from '../../../src/engine/limits.js';

export function describeTaskProgress(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);

  describe('progress of a task', () => {
    const read = (q: TestQueue, id: string, after: number, limit: number) =>
      q.engine.tasks.readProgress(q.tenant, id, after, limit);
    const numbers = async (q: TestQueue, id: string, after: number, limit: number) =>
      (await read(q, id, after, limit))?.events.map((event) => event.id);

    it('is nothing until there is some, and says when it is over', async () => {
      const q = queue();
      const id = await q.enqueue();
      expect(await read(q, id, 0, 10)).toEqual({ events: [], isOver: false, oldest: null });
      await q.cancel(id);
      expect(await read(q, id, 0, 10)).toEqual({ events: [], isOver: true, oldest: null });
    });

    it('is read on from where a reader was, in pages of any size, also from beyond its end', async () => {
      const q = queue();
      const id = await q.enqueue();
      const task = await q.take();
      for (let n = 1; n <= 7; n++) {
        fixture.clock.advance(1);
        await q.progress(task, String(n));
      }
      expect(await numbers(q, id, 0, 100)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(await numbers(q, id, 0, 3)).toEqual([1, 2, 3]);
      expect(await numbers(q, id, 3, 3)).toEqual([4, 5, 6]);
      expect(await numbers(q, id, 6, 3)).toEqual([7]);
      expect(await numbers(q, id, 7, 3)).toEqual([]);
      expect(await numbers(q, id, 1000, 3)).toEqual([]);
      const { events = [] } = (await read(q, id, 0, 100)) ?? {};
      expect(events.map(({ event }) => event)).toEqual(['1', '2', '3', '4', '5', '6', '7']);
      expect(events.at(-1)?.atMs).toBe(fixture.clock.ms);
    });

    it('counts on over deliveries: what the next worker tells comes behind what the last one told', async () => {
      const q = queue();
      const id = await q.enqueue();
      const first = await q.take();
      await q.progress(first, '"one"');
      await q.release(first);
      const second = await q.take();
      expect((await q.progress(second, '"two"')).eventId).toBe('2');
      await q.fail(second, { retryAfterMs: 0 });
      expect((await q.progress(await q.take(), '"three"')).eventId).toBe('3');
      expect(await numbers(q, id, 0, 10)).toEqual([1, 2, 3]);
    });

    it('of many who tell at once loses nothing', async () => {
      const q = queue();
      const id = await q.enqueue();
      const task = await q.take();
      const told = await Promise.all(Array.from({ length: 50 }, (_, n) => q.progress(task, String(n))));
      expect(told.map(({ eventId }) => Number(eventId)).toSorted((a, b) => a - b)).toEqual(told.map((_, n) => n + 1));
      const { events = [] } = (await read(q, id, 0, 100)) ?? {};
      for (const [n, { eventId }] of told.entries()) {
        expect(events.find((event) => event.id === Number(eventId))?.event).toBe(String(n));
      }
    });

    it('that grows too long loses its oldest part, and a reader can tell so', async () => {
      const q = queue();
      const id = await q.enqueue();
      const task = await q.take();
      for (let n = 0; n < MAX_PROGRESS_EVENTS / 100 + 1; n++) {
        await Promise.all(Array.from({ length: 100 }, () => q.progress(task)));
      }
      expect((await read(q, id, 0, 1))?.oldest).toBe(101);
      expect(await numbers(q, id, 0, 2)).toEqual([101, 102]);
      expect(await numbers(q, id, 50, 2)).toEqual([101, 102]);
      expect((await numbers(q, id, 0, 5000))?.length).toBe(MAX_PROGRESS_EVENTS);
      expect(await numbers(q, id, MAX_PROGRESS_EVENTS + 99, 5)).toEqual([MAX_PROGRESS_EVENTS + 100]);
    });

    it('is over for ten minutes before it is gone, with its task still there (invariant 18)', async () => {
      const q = queue();
      const id = await q.enqueue();
      const task = await q.take();
      await q.progress(task);
      await q.fail(task, { isRetryable: false });
      fixture.clock.advance(10 * MINUTE_MS - 1);
      expect((await read(q, id, 0, 10))?.events).toHaveLength(1);
      fixture.clock.advance(1);
      expect(await read(q, id, 0, 10)).toEqual({ events: [], isOver: true, oldest: null });
      expect((await q.get(id)).status).toBe('dead');
    });
  });
}
