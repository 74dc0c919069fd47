import { Logger } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { FeedResetError } from '../engine/errors.js';
import { until } from '../../test/support/until.js';
import { withResolver } from '../waiting/wait-for-change.js';
import { Batch, EventView } from './event-view.js';
import { StateOutlet, type StateStream } from './state-outlet.js';

Logger.overrideLogger(false);

const eventOf = (n: number) =>
  new EventView({
    id: `1767225600000-00000${n}-5f1c2a9b_c0ffee`,
    type: 'workflow.updated',
    fields: { id: 'w', version: String(n), inc: 'life' },
  });
const batchOf = (...numbers: number[]) => new Batch(numbers.map(eventOf));
const versionIn = ({ json }: EventView) => (JSON.parse(json) as { version: number }).version;

/** A stream whose client reads when the test says so. */
class FakeStream implements StateStream {
  readonly said: unknown[] = [];
  isOpen = true;
  #room = 0;
  #readable = withResolver();

  deliver({ views }: Batch): void {
    this.#room--;
    this.said.push(
      ...views.map((view) => JSON.parse(view.json) as unknown).map((event) => (event as { state?: unknown }).state),
    );
  }

  async untilReady(): Promise<boolean> {
    while (this.isOpen && this.#room <= 0) await this.#readable.promise;
    return this.isOpen;
  }

  reset(): void {
    this.said.push('reset');
  }

  cut(): void {
    this.said.push('cut');
    this.isOpen = false;
    this.take(0);
  }

  take(events: number): void {
    this.#room += events;
    const { resolve } = this.#readable;
    this.#readable = withResolver();
    resolve();
  }
}

function outletOn(stream: FakeStream, { atOnce = 2, maxBytes = 10_000 } = {}) {
  const reads: number[][] = [];
  const failures: Error[] = [];
  const statesOf = async (views: readonly EventView[]) => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    const some = views.slice(0, atOnce);
    reads.push(some.map(versionIn));
    return some.map(({ event }) => new EventView(event, event.fields['version'] ?? null));
  };
  return { outlet: new StateOutlet(stream, statesOf, () => maxBytes), reads, failures };
}

const settled = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

describe('An outlet with states', () => {
  it('reads a few states, and delivers one at a time, as the client reads', async () => {
    const stream = new FakeStream();
    const { outlet, reads } = outletOn(stream);
    outlet.deliver(batchOf(1, 2, 3));
    outlet.deliver(batchOf(4, 5));
    await settled();
    expect([stream.said, reads, outlet.isIdle]).toEqual([[], [], false]);
    stream.take(1);
    await settled();
    expect([stream.said, reads]).toEqual([[1], [[1, 2]]]);
    stream.take(1);
    await settled();
    expect([stream.said, reads]).toEqual([[1, 2], [[1, 2]]]);
    const ready = outlet.untilReady();
    stream.take(4);
    expect(await ready).toBe(true);
    expect([stream.said, outlet.isIdle]).toEqual([[1, 2, 3, 4, 5], true]);
  });

  it('drops what waits when events may have been missed', async () => {
    const stream = new FakeStream();
    const { outlet } = outletOn(stream);
    outlet.deliver(batchOf(1, 2, 3));
    stream.take(1);
    await settled();
    outlet.reset(new FeedResetError(), 'next');
    outlet.deliver(batchOf(7));
    stream.take(10);
    await settled();
    expect(stream.said).toEqual([1, 'reset', 7]);
    expect(outlet.isIdle).toBe(true);
  });

  it('goes on where it was when the store is back', async () => {
    const stream = new FakeStream();
    const { outlet, failures } = outletOn(stream);
    failures.push(new Error('away'), new Error('still away'));
    stream.take(10);
    outlet.deliver(batchOf(1, 2, 3));
    await until(() => outlet.isIdle, 'all are delivered');
    expect(stream.said).toEqual([1, 2, 3]);
  });

  it('cuts off a client whose events wait in too large a number, and ends with it', async () => {
    const stream = new FakeStream();
    const { outlet, reads } = outletOn(stream, { maxBytes: 500 });
    for (let n = 1; n <= 4; n++) outlet.deliver(batchOf(n));
    await settled();
    expect([stream.said, reads, outlet.isIdle]).toEqual([['cut'], [], true]);
    expect(await outlet.untilReady()).toBe(false);
  });
});
