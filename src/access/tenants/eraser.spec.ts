import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { engineOptions, workflowIndex } from '../../../test/support/memory-commits.js';
import { put } from '../../../test/support/parts.js';
import { TestClock } from '../../../test/support/clock.js';
import { TestTenant } from '../../../test/support/tenant.js';
import { ACCESS_TENANT, accessTenantOf } from '../../engine/profile.js';
import { MemoryEngine } from '../../engine/memory/memory-engine.js';
import { TenantNotFoundError } from '../access-errors.js';
import { Eraser } from './eraser.js';
import { Tenants } from './tenants.js';

Logger.overrideLogger(false);

const CACHE_MS = 60_000;
/** All replicas have heard by then. */
const HEARD_MS = CACHE_MS + 5000;
const LEASE_MS = 60_000;

describe('the eraser of tenants', () => {
  let clock: TestClock;
  let engine: MemoryEngine;
  let tenants: Tenants;
  let erasers: Eraser[];
  beforeEach(async () => {
    clock = new TestClock();
    engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: clock.read });
    tenants = new Tenants(engine);
    erasers = [];
    for (const name of ['gone', 'other']) {
      await tenants.put(name, 'operator', undefined, { status: 'active' });
      await fill(name);
    }
  });
  afterEach(() => Promise.all(erasers.map((eraser) => eraser.close())));

  const replica = (on = engine) => {
    const eraser = new Eraser(on, { cacheTtlMs: CACHE_MS }, clock.read);
    erasers.push(eraser);
    return eraser;
  };
  /** The engine as one replica has it, with an `erase` of its own. */
  const withErase = (erase: MemoryEngine['erase']) =>
    new Proxy(engine, {
      get(target, name) {
        const member: unknown = name === 'erase' ? erase : Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  async function fill(name: string): Promise<void> {
    await new TestTenant(engine, name).commit({ puts: [put('a', {}, { ttl: null }), put('b', {}, { ttl: null })] });
    await new TestTenant(engine, accessTenantOf(name)).commit({ puts: [put('key:1', {}, { ttl: null })] });
  }
  const count = async (name: string) => (await engine.count(name, {})) + (await engine.count(accessTenantOf(name), {}));
  const isGone = () =>
    tenants.get('gone').then(
      () => false,
      (error: unknown) => error instanceof TenantNotFoundError,
    );

  it('removes data at once, and the tenant when all replicas have heard of it', async () => {
    const eraser = replica();
    expect(await tenants.erase('gone', 'operator', undefined)).toBe(true);
    await eraser.wake();
    expect([await count('gone'), await isGone()]).toEqual([0, false]);
    // A replica that had not heard has written.
    await fill('gone');
    clock.advance(HEARD_MS - 1);
    await eraser.wake();
    expect([await count('gone'), await isGone()]).toEqual([3, false]);
    clock.advance(1);
    await eraser.wake();
    expect([await count('gone'), await isGone()]).toEqual([0, true]);
    expect(await count('other')).toBe(3);
    expect(await tenants.erase('gone', 'operator', undefined)).toBe(false);
  });

  it('goes on after a crash, when the replica that did it is not heard of any longer', async () => {
    await tenants.erase('gone', 'operator', undefined);
    await replica().wake();
    await fill('gone');
    clock.advance(LEASE_MS - 1);
    await replica().wake();
    expect(await count('gone')).toBe(3);
    clock.advance(1);
    await replica().wake();
    expect([await count('gone'), await isGone()]).toEqual([0, false]);
    clock.advance(HEARD_MS);
    await replica().wake();
    expect(await isGone()).toBe(true);
  });

  it('hands over at once when its replica is stopped', async () => {
    await tenants.erase('gone', 'operator', undefined);
    let first: Eraser | undefined;
    const stopping = withErase(async () => {
      void first?.close();
      return { removed: 1, isDone: false };
    });
    first = replica(stopping);
    await first.wake();
    expect(await count('gone')).toBe(3);
    await replica().wake();
    expect(await count('gone')).toBe(0);
  });

  it('leaves a tenant alone that was made again while its replica stood still', async () => {
    let isOther = false;
    const slow = withErase(async (name, limit) => {
      const erased = await engine.erase(name, limit);
      if (isOther) return erased;
      isOther = true;
      // The process stands still here, and its lease ends.
      clock.advance(LEASE_MS);
      await replica().wake();
      expect(await isGone()).toBe(true);
      await tenants.put('gone', 'operator', undefined, { status: 'active' });
      await fill('gone');
      return erased;
    });
    await tenants.erase('gone', 'operator', undefined);
    clock.advance(HEARD_MS);
    await replica(slow).wake();
    expect(isOther).toBe(true);
    expect([await count('gone'), await isGone()]).toEqual([3, false]);
  });

  it('erases a tenant again that was made again, at once', async () => {
    const [one, two] = [replica(), replica()];
    await tenants.erase('gone', 'operator', undefined);
    await one.wake();
    clock.advance(HEARD_MS);
    await two.wake();
    await tenants.put('gone', 'operator', undefined, { status: 'active' });
    await fill('gone');
    await tenants.erase('gone', 'operator', undefined);
    await one.wake();
    expect([await count('gone'), await isGone()]).toEqual([0, false]);
  });

  it('erases what a move has left of an erased tenant, unless the tenant was made again or has records', async () => {
    const note = (name: string) => new TestTenant(engine, ACCESS_TENANT).put(`erased:${name}`, {}, { ttl: null });
    const publish = [{ channel: 'c', type: 't', payload: '{}' }];
    await note('default');
    for (const name of ['left', 'again', 'full']) {
      await note(name);
      await new TestTenant(engine, name).commit({ publish });
    }
    await tenants.put('again', 'operator', undefined, { status: 'active' });
    await new TestTenant(engine, 'full').put('a', {});
    const eraser = replica();
    await eraser.wake();
    clock.advance(HEARD_MS);
    await eraser.wake();
    const [left, ...others] = await Promise.all(
      ['left', 'again', 'full'].map((name) => engine.readFeed(name, undefined, 9)),
    );
    expect([left?.length, ...others.map(({ length }) => length > 0)]).toEqual([0, true, true]);
    expect((await tenants.list(10, undefined)).items.map(({ name }) => name).toSorted()).toEqual([
      'again',
      'gone',
      'other',
    ]);
    // The next look need not search again.
    await new TestTenant(engine, 'left').commit({ publish });
    await eraser.wake();
    expect(await engine.readFeed('left', undefined, 9)).toHaveLength(1);
  });

  it('goes on with the next tenant when one cannot be erased', async () => {
    await new TestTenant(engine, ACCESS_TENANT).put('erasing:default', { replica: '', untilMs: 0 });
    clock.advance(1);
    await tenants.erase('gone', 'operator', undefined);
    await replica().wake();
    expect(await count('gone')).toBe(0);
  });

  it('leaves a tenant alone that was made again', async () => {
    const eraser = replica();
    await tenants.erase('gone', 'operator', undefined);
    clock.advance(HEARD_MS);
    await eraser.wake();
    await tenants.put('gone', 'operator', undefined, { status: 'active' });
    await fill('gone');
    clock.advance(HEARD_MS + LEASE_MS);
    await eraser.wake();
    expect([await count('gone'), await isGone()]).toEqual([3, false]);
  });
});
