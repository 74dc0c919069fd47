import { describe, expect, it } from '@jest/globals';
import type { Engine, FeedEvent } from '../../../src/engine/engine.js';
import { FeedTrimmedError } from '../../../src/engine/errors.js';
import { increment } from '../../support/edits.js';
import { once, patch, put, remove, touch } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import { newTask, TestQueue } from '../../support/tasks.js';
import type { TestTenant } from '../../support/tenant.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';

const PAGE = 37;

/** All events after a place, read in small pages. */
export async function eventsOf(engine: Engine, tenant: string, after?: string): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  for (let place = after; ; place = events.at(-1)?.id) {
    const page = await engine.readFeed(tenant, place, PAGE);
    if (page.length === 0) return events;
    events.push(...page);
  }
}

/** Events as texts like "updated a 2", without fields that other cases cover. */
async function story(tenant: TestTenant, after?: string): Promise<string[]> {
  const events = await eventsOf(tenant.engine, tenant.name, after);
  return events.map(({ type, fields: { id, version, channel } }) =>
    [type.replace('workflow.', ''), id ?? channel, version].filter((word) => word !== undefined).join(' '),
  );
}

const say = (text: string) => ({ channel: 'c', type: 'said', payload: JSON.stringify(text) });

export function describeFeed(fixture: Fixture): void {
  describe('the feed', () => {
    it('tells every version and delete of a workflow once, in order', async () => {
      const tenant = fixture.tenant();
      const { incarnation, check } = await tenant.put('a');
      await tenant.patch('a', increment);
      await tenant.touch('a', 1000);
      await tenant.put('a', {}, { about: { by: 'someone', cause: 'restore', changed: null } });
      await tenant.put('b');
      await tenant.delete('a');
      await tenant.put('a');
      expect(await story(tenant)).toEqual([
        'created a 1',
        'updated a 2',
        'restored a 3',
        'created b 1',
        'deleted a 3',
        'created a 1',
      ]);
      const [first] = await eventsOf(tenant.engine, tenant.name);
      expect(first?.fields).toEqual({ id: 'a', version: '1', inc: incarnation, check });
    });

    it('takes no words of a writer for a restore', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a');
      await tenant.put('a', {}, { about: { by: 'x', cause: 'put', changed: null, note: '"cause":"restore"' } });
      expect(await story(tenant)).toEqual(['created a 1', 'updated a 2']);
    });

    it('tells each of many patches that came at once', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { count: 0 });
      await Promise.all(Array.from({ length: 100 }, () => tenant.patch('a', increment)));
      const versions = Array.from({ length: 100 }, (_, i) => `updated a ${i + 2}`);
      expect(await story(tenant)).toEqual(['created a 1', ...versions]);
    });

    it('tells an expiry once, however often it is swept', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: 10 });
      fixture.clock.advance(10);
      for (let i = 0; i < 3; i++) await fixture.engine.sweep();
      await until(async () => (await story(tenant)).length > 1, 'the expiry is told');
      await fixture.engine.sweep();
      expect(await story(tenant)).toEqual(['created a 1', 'expired a']);
    });

    it('announces an unnoticed expiry before the id is created again', async () => {
      await fixture.withEngine({}, async (tenant, { engine, clock }) => {
        await tenant.put('a', {}, { ttl: 10 });
        await tenant.put('a', {}, { ttl: 10 });
        clock.advance(10);
        await tenant.put('a', {}, { ttl: 1000 });
        while ((await engine.sweep()) > 0);
        expect(await story(tenant)).toEqual(['created a 1', 'updated a 2', 'expired a', 'created a 1']);
      });
    });

    it('tells the parts of a commit one behind the other: tasks, workflows, deletes, messages', async () => {
      const tenant = fixture.tenant();
      await tenant.put('x');
      await tenant.put('p', { count: 0 });
      const start = await tenant.engine.lastEventId(tenant.name);
      await tenant.commit({
        enqueue: [newTask('q', { id: 't' })],
        puts: [put('a', {}), put('b', {})],
        patches: [patch('p', increment)],
        deletes: [remove('x')],
        publish: [say('one'), { ...say('two'), channel: 'd' }],
      });
      expect(await story(tenant, start)).toEqual([
        'task.enqueued t',
        'created a 1',
        'created b 1',
        'updated p 2',
        'deleted x 1',
        'said c',
        'said d',
      ]);
    });

    it('tells nothing of a commit that was refused, or that had happened before', async () => {
      const tenant = fixture.tenant();
      const key = once({ keepMs: 60_000 });
      await tenant.commit({ puts: [put('a', {})], publish: [say('once')] }, key);
      const parts = { puts: [put('a', {}, { expect: { version: 9 } })], publish: [say('never')] };
      expect(await refusalOf(tenant.commit(parts))).toMatchObject({ code: 'VERSION_CONFLICT' });
      await refusalOf(tenant.commit({ touches: [touch('missing', 1)], publish: [say('never')] }));
      const again = await tenant.commit({ puts: [put('a', {})], publish: [say('once')] }, key);
      expect(again.replayed).toBe(true);
      const events = await eventsOf(tenant.engine, tenant.name);
      expect(events.map(({ type }) => type)).toEqual(['workflow.created', 'said']);
      expect(again.eventIds).toEqual([events[1]?.id]);
    });

    it('gives each message back exactly as it was', async () => {
      const tenant = fixture.tenant();
      const payload = '{ "big": 12345678901234567890,\n "nul": "\\u0000", "o": {}, "ü": "🚀", "__proto__": 1 }';
      const type = 'any "thing" \u0000 is a type\r\n';
      const { eventIds } = await tenant.commit({ publish: [{ channel: 'a:b', type, payload }] });
      const [event] = await tenant.engine.readFeed(tenant.name, undefined, 10);
      expect(event).toEqual({ id: eventIds?.[0], type, fields: { channel: 'a:b', payload } });
    });

    it('has ids that are unique and sort as texts in its order', async () => {
      const tenant = fixture.tenant();
      await Promise.all(
        Array.from({ length: 20 }, () => tenant.commit({ publish: Array.from({ length: 20 }, () => say('x')) })),
      );
      const ids = (await eventsOf(tenant.engine, tenant.name)).map(({ id }) => id);
      expect(new Set(ids).size).toBe(400);
      expect(ids.toSorted()).toEqual(ids);
    });

    it('can be read from any place in it, also from its end, and from before the first event', async () => {
      const tenant = fixture.tenant();
      const start = await tenant.engine.lastEventId(tenant.name);
      expect(await tenant.engine.lastEventId(tenant.name)).toBe(start);
      expect(await eventsOf(tenant.engine, tenant.name, start)).toEqual([]);
      for (let i = 0; i < 100; i++) await tenant.commit({ publish: [say(String(i))] });
      const all = await eventsOf(tenant.engine, tenant.name);
      expect(all).toHaveLength(100);
      expect(await eventsOf(tenant.engine, tenant.name, start)).toEqual(all);
      for (const at of [0, 36, 50, 98, 99]) {
        expect(await eventsOf(tenant.engine, tenant.name, all[at]?.id)).toEqual(all.slice(at + 1));
      }
      expect(await tenant.engine.lastEventId(tenant.name)).toBe(all.at(-1)?.id);
    });

    it('says that a place is too old, and which event is the oldest', async () => {
      await fixture.withEngine({ options: { feed: { maxEvents: 100, maxAgeMs: 1e12 } } }, async (tenant) => {
        const { engine, name } = tenant;
        const start = await engine.lastEventId(name);
        await tenant.put('a');
        const first = await engine.lastEventId(name);
        for (let i = 0; i < 40; i++) await tenant.commit({ publish: Array.from({ length: 10 }, () => say('x')) });
        const kept = await eventsOf(engine, name);
        expect(kept.length).toBeGreaterThanOrEqual(100);
        expect(kept.length).toBeLessThan(250);
        for (const place of [start, first]) {
          const error = await engine.readFeed(name, place, 10).catch((thrown: unknown) => thrown);
          expect(error).toBeInstanceOf(FeedTrimmedError);
          expect((error as FeedTrimmedError).oldest).toBe(kept[0]?.id);
        }
        expect(await eventsOf(engine, name, kept[0]?.id)).toEqual(kept.slice(1));
      });
    });

    it('lets go of what is too old, but never of its last event', async () => {
      const maxAgeMs = 500;
      await fixture.withEngine({ options: { feed: { maxEvents: 1000, maxAgeMs } } }, async (tenant, opened) => {
        const { engine, name } = tenant;
        for (let i = 0; i < 40; i++) await tenant.commit({ publish: Array.from({ length: 10 }, () => say('x')) });
        const last = await engine.lastEventId(name);
        opened.clock.advance(10 * maxAgeMs);
        // Redis uses the server's own clock, which a test cannot stop.
        const trimmed = async () => {
          await engine.sweep();
          return (await eventsOf(engine, name)).length <= 100;
        };
        await until(trimmed, 'old events go');
        expect(await engine.lastEventId(name)).toBe(last);
        expect(await eventsOf(engine, name, last)).toEqual([]);
        await tenant.put('a');
        expect(await story(tenant, last)).toEqual(['created a 1']);
      });
    });

    it('knows no places but its own', async () => {
      const [tenant, other] = [fixture.tenant(), fixture.tenant()];
      await tenant.put('a');
      await other.put('a');
      const own = await tenant.engine.lastEventId(tenant.name);
      const epoch = own.split('-')[2] ?? '';
      const later = own.replace(/-\d+-/, '-999999-');
      const ahead = `${Date.UTC(2200, 0, 1)}-000000-${epoch}`;
      const unknown = [later, ahead, own.replace(epoch, 'another1'), '', '0', '-', '$', '1-1', 'x'.repeat(10_000), '+'];
      for (const place of unknown) {
        expect(await refusalOf(tenant.engine.readFeed(tenant.name, place, 10))).toMatchObject({ code: 'FEED_RESET' });
      }
      const refusal = await refusalOf(tenant.engine.readFeed(other.name, own, 10));
      expect(refusal).toMatchObject({ code: expect.stringMatching(/^FEED_(RESET|TRIMMED)$/) });
    });

    it('is each tenant its own', async () => {
      const [tenant, other] = [fixture.tenant(), fixture.tenant()];
      await tenant.commit({ publish: [say('mine')] });
      expect(await eventsOf(other.engine, other.name)).toEqual([]);
    });

    it('gives a hint of every kind of event', async () => {
      const tenant = fixture.tenant();
      const queue = new TestQueue(tenant.engine, tenant.name);
      let hints = 0;
      const stop = tenant.engine.onChange(tenant.name, 'feed', () => hints++);
      const next = async (what: string, act: () => Promise<unknown>) => {
        const before = hints;
        await act();
        await until(() => hints > before, `a hint of ${what}`);
      };
      await next('a subscription', () => tenant.put('first'));
      await next('a write', () => tenant.put('a', {}, { ttl: 10 }));
      await next('a message', () => tenant.commit({ publish: [say('x')] }));
      await next('a task', () => queue.enqueue());
      await next('a claim', () => queue.claim());
      await next('an expiry', async () => {
        fixture.clock.advance(10);
        await tenant.engine.sweep();
      });
      stop();
    });
  });
}
