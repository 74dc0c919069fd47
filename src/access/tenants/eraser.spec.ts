import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { engineOptions, workflowIndex } from '../../../test/support/memory-commits.js';
import { put } from '../../../test/support/parts.js';
import { TestClock } from '../../../test/support/clock.js';
import { TestTenant } from '../../../test/support/tenant.js';
import { accessTenantOf } from '../../engine/profile.js';
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
    const stopping = Object.create(engine, {
      erase: {
        value: async () => {
          void first?.close();
          return { removed: 1, isDone: false };
        },
      },
    }) as MemoryEngine;
    first = replica(stopping);
    await first.wake();
    expect(await count('gone')).toBe(3);
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
