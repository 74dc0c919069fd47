import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Engine } from '../../src/engine/engine.js';
import { MemoryEngine } from '../../src/engine/memory/memory-engine.js';
import { DirectoryMoving } from '../../src/engine/memory/moving/directory-moving.js';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import type { Moving } from '../../src/engine/moving/moving.js';
import { ACCESS_TENANT, accessTenantOf } from '../../src/engine/profile.js';
import { FileMoving } from '../../src/migration/file-moving.js';
import { Ledger } from '../../src/migration/ledger.js';
import { migrate } from '../../src/migration/migrate.js';
import { writeFile } from '../../src/migration/write-file.js';
import { TestClock } from '../support/clock.js';
import { fastDirectory } from '../support/fast-directory.js';
import { fillTenant } from '../support/full-tenant.js';
import { NO_KEYS } from '../support/keyrings.js';
import { digestsOf, dumpMovable, moveAll } from '../support/moving.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { testIndex } from '../support/parts.js';
import { DAY } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { openJournalEngine } from './journal-engine.js';
import { openRedisEngine } from './redis-under-test.js';
import { testOptions } from './engine-under-test.js';

describe('Moving from engine to engine', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  afterAll(() => redis.stop());

  it('from memory to Redis and on to a data directory, nothing changes, over a restart too', async () => {
    const onRedis = await openRedisEngine(redis.port);
    const onDisk = await openJournalEngine();
    const { clock } = onDisk;
    const inMemory = new MemoryEngine({ options: testOptions, index: testIndex, clock: clock.read });
    try {
      const ids = await fillTenant(new TestTenant(inMemory, 'default'), clock);
      onRedis.clock.advance(clock.ms - onRedis.clock.ms);
      const dump = await dumpMovable(inMemory, 'default', ids);
      const digests = await digestsOf(inMemory, 'default');

      await moveAll(inMemory, 'default', onRedis.engine, 'default');
      expect(await dumpMovable(onRedis.engine, 'default', ids)).toEqual(dump);
      expect(await digestsOf(onRedis.engine, 'default')).toEqual(digests);

      await moveAll(onRedis.engine, 'default', onDisk.engine, 'default');
      expect(await dumpMovable(onDisk.engine, 'default', ids)).toEqual(dump);
      await onDisk.reopen();
      expect(await dumpMovable(onDisk.engine, 'default', ids)).toEqual(dump);
      expect(await digestsOf(onDisk.engine, 'default')).toEqual(digests);

      // Updated records go to the journal as a whole.
      clock.advance(1000);
      await new TestTenant(inMemory, 'default').put('many', { status: 'later' });
      await moveAll(inMemory, 'default', onDisk.engine, 'default');
      await onDisk.reopen();
      expect(await digestsOf(onDisk.engine, 'default')).toEqual(await digestsOf(inMemory, 'default'));
    } finally {
      await Promise.all([inMemory.close(), onRedis.close(), onDisk.close()]);
    }
  });

  it('a migration carries all tenants, hidden ones with their history, their expiry and no expiry', async () => {
    const directory = await fastDirectory('waymark-moving-');
    const clock = new TestClock();
    const parts = { options: testOptions, index: testIndex, clock: clock.read };
    const inMemory = new MemoryEngine(parts);
    const onRedis = await openRedisEngine(redis.port);
    const onDisk = await openMemoryEngine({ ...parts, dataDir: join(directory, 'b'), sweeps: false });
    const file = join(directory, 'all.ndjson');
    const names = ['default', 'acme', ACCESS_TENANT, accessTenantOf('default'), accessTenantOf('acme')];
    const everything = async (engine: Engine) =>
      Object.fromEntries(await Promise.all(names.map(async (name) => [name, await digestsOf(engine, name)])));
    const move = (from: Moving, to: Moving) =>
      migrate({
        from,
        to,
        ledger: new Ledger(undefined),
        onConflict: 'fail',
        observer: { moved() {}, compared() {} },
        onPhase() {},
      });
    try {
      for (const name of ['default', 'acme']) {
        await fillTenant(new TestTenant(inMemory, name), clock);
        const hidden = new TestTenant(inMemory, accessTenantOf(name));
        // More versions than an ordinary tenant would keep.
        for (let n = 0; n < 60; n++) await hidden.put('key:1', { n, user: name }, { ttl: null });
        await hidden.put('key:revoked', {}, { ttl: 30 * DAY });
        await new TestTenant(inMemory, ACCESS_TENANT).put(`tenant:${name}`, { status: 'active' });
      }
      onRedis.clock.advance(clock.ms - onRedis.clock.ms);
      const before = await everything(inMemory);
      expect(Object.keys(before[accessTenantOf('acme')] ?? {})).toEqual(['workflow key:1', 'workflow key:revoked']);
      const empty = { conflict: 0, kept: 0, updated: 0, removed: 0 };
      const toRedis = await move(inMemory.moving, onRedis.engine.moving);
      expect(toRedis).toMatchObject({ counts: empty, different: [] });
      expect(await everything(onRedis.engine)).toEqual(before);

      await writeFile(onRedis.engine.moving, file, () => undefined, { access: 'include', keyring: NO_KEYS });
      const source = await FileMoving.open(file, NO_KEYS);
      expect(await source.listTenants()).toEqual(names.toSorted());
      expect(await move(source, onDisk.moving)).toMatchObject({ counts: empty, different: [] });
      await source.close();
      expect(await everything(onDisk)).toEqual(before);
      const there = DirectoryMoving.open(join(directory, 'b'));
      expect(await there.listTenants()).toEqual(names.toSorted());
      await there.close();

      for (const engine of [onRedis.engine, onDisk]) {
        const hidden = new TestTenant(engine, accessTenantOf('acme'));
        expect(await hidden.versions('key:1')).toHaveLength(51);
        expect((await hidden.get('key:1')).deadlineMs).toBeNull();
        expect(await hidden.ids({ filter: { fields: { user: 'acme' } } })).toEqual(['key:1']);
      }
      await writeFile(inMemory.moving, file, () => undefined, { access: 'omit', keyring: NO_KEYS });
      const without = await FileMoving.open(file, NO_KEYS);
      expect(await without.listTenants()).toEqual(['acme', 'default']);
      await without.close();
    } finally {
      await Promise.all([inMemory.close(), onRedis.close(), onDisk.close()]);
      await rm(directory, { recursive: true });
    }
  });
});
