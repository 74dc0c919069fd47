import { afterEach, describe, expect, it } from '@jest/globals';
import type { Engine, FeedEvent } from '../engine/engine.js';
import { eventIdOf } from '../engine/event-id.js';
import type { Batch } from './event-view.js';
import { Semaphore } from '../http/semaphore.js';
import { TenantFeed } from './tenant-feed.js';

describe('A client that catches up', () => {
  let feed: TenantFeed;
  afterEach(() => feed.end());

  it('gets large events in pieces of a megabyte, each in a turn of the event loop of its own', async () => {
    const events: FeedEvent[] = Array.from({ length: 40 }, (_, count) => ({
      id: eventIdOf({ ms: 1, count, epoch: 'aaaaaaaa', run: '' }),
      type: 'x',
      fields: { channel: 'c', payload: JSON.stringify('x'.repeat(60_000)) },
    }));
    const engine = {
      onChange: () => () => undefined,
      lastEventId: () => Promise.resolve(events.at(-1)?.id),
      readFeed: (_tenant: string, after: string | undefined) => Promise.resolve(after === undefined ? events : []),
    } as unknown as Engine;
    feed = new TenantFeed(engine, 'default', new Semaphore(1), { delivered: () => undefined });
    feed.listeners++;
    const pieces: number[] = [];
    let delivered = 0;
    let atOnce = 0;
    const outlet = {
      live: 0,
      deliver: ({ views }: Batch) => {
        pieces.push(views.length);
        delivered++;
        setImmediate(() => (delivered = 0));
        atOnce = Math.max(atOnce, delivered);
      },
      untilReady: () => Promise.resolve(true),
    };
    const stop = await feed.subscribe({ filter: {}, since: '0', outlet, onLoss: () => undefined }, () => false);
    stop();
    expect([pieces, atOnce]).toEqual([[17, 17, 6], 1]);
  });
});
