import { beforeEach, describe, expect, it } from '@jest/globals';
import { TestTenant } from '../../test/support/tenant.js';
import { until } from '../../test/support/until.js';
import type { Commit, Outcome } from '../engine/commit.js';
import { noteErasure } from '../engine/erasure.js';
import { OutcomeUnknownError, StoreUnavailableError } from '../engine/errors.js';
import { MemoryEngine } from '../engine/memory/memory-engine.js';
import { ACCESS_TENANT } from '../engine/profile.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { BOARD } from './decision.js';
import { Outbox, DEFAULT_LIMITS, type LossReason, type OutboxLimits } from './outbox.js';

const options = {
  defaultTtlMs: 1000,
  maxStateBytes: 1024,
  historyLimit: 0,
  historyMaxBytes: 0,
  tasks: { maxOpen: 10, maxBytes: 2 ** 30, resultMs: 1000, progressMs: 1000, deadMs: 1000, maxDead: 10 },
};

/** The real engine behind a connection that a test can break. */
class BreakableEngine extends MemoryEngine {
  commits = 0;
  before: ((tenant: string) => void) | undefined;
  after: (() => void) | undefined;

  override async commit(tenant: string, commit: Commit): Promise<Outcome> {
    this.commits++;
    this.before?.(tenant);
    const outcome = await super.commit(tenant, commit);
    this.after?.();
    return outcome;
  }
}

describe('the outbox', () => {
  let engine: BreakableEngine;
  let lost: [number, LossReason][];
  let waiting: number;

  beforeEach(() => {
    engine = new BreakableEngine({ options, index: new WorkflowIndex([]) });
    lost = [];
    waiting = 0;
  });

  const outboxOf = (limits: Partial<OutboxLimits> = {}) =>
    new Outbox(
      engine,
      't',
      {
        waiting: (change) => (waiting += change),
        lost: (count, why) => lost.push([count, why]),
        refused: () => undefined,
      },
      { ...DEFAULT_LIMITS, gatherMs: 1, ...limits },
    );
  const add = (outbox: Outbox, from: number, to: number) => {
    for (let n = from; n <= to; n++) {
      const payload = String(n);
      outbox.add({ message: { channel: 'c', type: 't', payload }, entry: payload, counts: ['total'] });
    }
  };
  const published = async () =>
    (await engine.readFeed('t', undefined, 1000)).map(({ fields }) => Number(fields['payload']));
  const board = () => engine.readBoard('t', BOARD);
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const away = (tenant = 't') => {
    if (tenant === 't') throw new StoreUnavailableError();
  };
  /** Retries `flushed` until the store is back. */
  const finallyLanded = async (outbox: Outbox) => {
    for (;;) {
      try {
        return await outbox.flushed();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  };

  it('stores everything in order, many postings with one commit', async () => {
    const outbox = outboxOf({ batchSize: 50 });
    add(outbox, 1, 220);
    expect([engine.commits, waiting]).toEqual([0, 220]);
    await outbox.flushed();
    expect(await published()).toEqual(numbers(1, 220));
    expect([engine.commits, waiting, lost]).toEqual([5, 0, []]);
    const { counts, entries } = await board();
    expect([counts, entries.map(Number)]).toEqual([{ total: 220 }, numbers(201, 220).toReversed()]);
  });

  it('collects postings during a commit', async () => {
    const outbox = outboxOf({ gatherMs: 20 });
    for (let n = 1; n <= 100; n++) {
      add(outbox, n, n);
      await Promise.resolve();
    }
    await outbox.flushed();
    expect(await published()).toEqual(numbers(1, 100));
    expect(engine.commits).toBeLessThanOrEqual(5);
  });

  it('waits while the store is unreachable, drops the oldest beyond its limit, and loses no count', async () => {
    const outbox = outboxOf({ maxWaiting: 10 });
    engine.before = away;
    add(outbox, 1, 5);
    await expect(outbox.flushed()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    // These five are in the pending commit and do not count towards the limit.
    add(outbox, 6, 30);
    expect(lost).toEqual(Array.from({ length: 15 }, () => [1, 'full']));
    expect(waiting).toBe(10);
    engine.before = undefined;
    await finallyLanded(outbox);
    expect(await published()).toEqual([...numbers(1, 5), ...numbers(21, 30)]);
    expect((await board()).counts).toEqual({ total: 30 });
  });

  it('retries a batch whose answer was lost, and it is applied once', async () => {
    const outbox = outboxOf();
    let losses = 3;
    engine.after = () => {
      if (losses-- > 0) throw new OutcomeUnknownError();
    };
    add(outbox, 1, 5);
    await finallyLanded(outbox);
    expect(engine.commits).toBe(4);
    expect([await published(), (await board()).counts]).toEqual([numbers(1, 5), { total: 5 }]);
  });

  it('drops a batch whose outcome stays unknown too long, and continues with the next', async () => {
    const outbox = outboxOf({ doubtMs: 0 });
    engine.before = () => {
      throw new OutcomeUnknownError();
    };
    add(outbox, 1, 5);
    await expect(outbox.flushed()).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await finallyLanded(outbox);
    expect(lost).toEqual([[5, 'in-doubt']]);
    engine.before = undefined;
    add(outbox, 6, 6);
    await outbox.flushed();
    expect(await published()).toEqual([6]);
  });

  it('drops a batch that the store refuses, and continues with the next', async () => {
    const outbox = outboxOf();
    engine.before = () => {
      engine.before = undefined;
      throw new TypeError('a fault of ours');
    };
    add(outbox, 1, 5);
    await outbox.flushed();
    add(outbox, 6, 6);
    await outbox.flushed();
    expect([lost, await published()]).toEqual([[[5, 'refused']], [6]]);
  });

  it('closes when everything is stored, or after its timeout', async () => {
    const good = outboxOf();
    add(good, 1, 120);
    await good.close(10_000);
    expect([lost, await published()]).toEqual([[], numbers(1, 120)]);
    engine.before = away;
    const bad = outboxOf();
    add(bad, 1, 120);
    await bad.close(20);
    expect(lost).toEqual([[120, 'shutdown']]);
  });

  it('drops what is of an erased tenant, and keeps what is of a new one with its name', async () => {
    engine.before = away;
    const outbox = outboxOf({ lateMs: 0 });
    add(outbox, 1, 3);
    await until(() => engine.commits > 0, 'the store is away');
    await noteErasure((tenant, commit) => engine.commit(tenant, commit), 't');
    engine.before = undefined;
    await finallyLanded(outbox);
    expect([await published(), lost, waiting]).toEqual([[], [[3, 'erased']], 0]);
    expect(await board()).toEqual({ counts: {}, notices: [], entries: [] });

    const erasedAtMs = Date.now();
    await until(() => Date.now() > erasedAtMs, 'the clock goes on');
    await new TestTenant(engine, ACCESS_TENANT).put('tenant:t', { status: 'active' });
    add(outbox, 4, 5);
    await finallyLanded(outbox);
    expect(await published()).toEqual([4, 5]);
  });
});
