import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../src/engine/memory/memory-engine.js';
import { fillTenant } from '../support/full-tenant.js';
import { digestsOf, dumpMovable, moveAll } from '../support/moving.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { testIndex } from '../support/parts.js';
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
});
