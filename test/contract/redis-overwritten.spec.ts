import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { historyKey, metaKey, prefixOf, stateKey } from '../../src/engine/redis/keys.js';
import type { VersionRef } from '../../src/engine/engine.js';
import { etagOf, type WorkflowMeta } from '../../src/engine/records/workflow-meta.js';
import { increment } from '../support/edits.js';
import { asRedis6 } from '../support/older-redis.js';
import { clearCheck } from '../support/packed-meta.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { refusalOf } from '../support/refusal.js';
import { newTask } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { testOptions } from './engine-under-test.js';
import { configFor, type Replica } from './redis-under-test.js';

Logger.overrideLogger(['error']);

const MINE = '{"status":"open"}';
const THEIRS = '{"status":"done"}';

/** Another program overwrites a state with one of the same length, and keeps its deadline. */
describe.each(['Redis 7', 'Redis 6.2'])(
  'On %s a state that another program overwrote, equal in length and deadline',
  (version) => {
    let server: RedisProcess;
    let redis: Redis;
    let replica: Replica;
    let tenant: TestTenant;
    let prefix: string;

    beforeAll(async () => {
      server = await startRedisProcess();
      redis = new Redis(server.port, '127.0.0.1');
      const namespace = `ns-${randomUUID()}`;
      const connections = new RedisConnections(configFor(server.port, namespace));
      await connections.open();
      if (version === 'Redis 6.2') asRedis6(connections);
      const engine = new RedisEngine(connections, { options: testOptions, index: testIndex, namespace });
      replica = { engine, close: () => engine.close().then(() => connections.close()) };
      tenant = new TestTenant(replica.engine, 'default');
      prefix = prefixOf(namespace, 'default');
    });
    afterAll(async () => {
      await replica.close();
      redis.disconnect();
      await server.stop();
    });

    const WAYS = {
      'never expires': async (id: string) => {
        const before = await tenant.putText(id, MINE, { ttl: null });
        await redis.set(stateKey(prefix, id), THEIRS);
        return before;
      },
      'is held by a task': async (id: string) => {
        await tenant.putText(id, MINE, { ttl: 60_000 });
        await tenant.commit({ enqueue: [{ ...newTask('q'), workflowId: id }] });
        const before = await tenant.get(id);
        await redis.set(stateKey(prefix, id), THEIRS);
        return before;
      },
      'keeps its deadline': async (id: string) => {
        const before = await tenant.putText(id, MINE, { ttl: 60_000 });
        await redis.set(stateKey(prefix, id), THEIRS, 'KEEPTTL');
        return before;
      },
      'is changed in its middle': async (id: string) => {
        const before = await tenant.putText(id, MINE, { ttl: 60_000 });
        await redis.setrange(stateKey(prefix, id), MINE.indexOf('open'), 'done');
        return before;
      },
    };
    const overwritten = async (way: keyof typeof WAYS) => {
      const id = `w-${randomUUID()}`;
      return { id, before: await WAYS[way](id) };
    };
    const expectOn = (meta: WorkflowMeta) => ({ expect: { etags: [etagOf(meta)] } });

    it.each(Object.keys(WAYS) as (keyof typeof WAYS)[])(
      'becomes the next version when it is read: one that %s',
      async (way) => {
        const { id, before } = await overwritten(way);
        const found = await tenant.get(id);
        expect(found).toMatchObject({ version: before.version + 1, incarnation: before.incarnation, state: THEIRS });
        expect(etagOf(found)).not.toBe(etagOf(before));
        expect(await tenant.ids({ filter: { fields: { status: 'done' } } })).toContain(id);
        expect(await tenant.ids({ filter: { fields: { status: 'open' } } })).not.toContain(id);
        expect(etagOf(await tenant.get(id))).toBe(etagOf(found));
        const events = await tenant.engine.readFeed('default', undefined, 1000);
        expect(events.filter(({ fields }) => fields['id'] === id).at(-1)).toMatchObject({
          type: 'workflow.adopted',
          fields: { version: '2', check: found.check },
        });
      },
    );

    it('becomes the next version in lists with states and in batches', async () => {
      const some = await Promise.all([overwritten('never expires'), overwritten('keeps its deadline')]);
      const ids = some.map(({ id }) => id);
      const [first] = await tenant.engine.findMany('default', ids.slice(0, 1));
      expect(first).toMatchObject({ version: 2, state: THEIRS });
      const { items } = await tenant.list({ includeState: true, limit: 1000 });
      expect(items.find(({ id }) => id === ids[1])).toMatchObject({ version: 2, state: THEIRS });
    });

    it('is no state of the version that it replaced, before and after it is noticed', async () => {
      const { id, before } = await overwritten('never expires');
      const states = (...versions: VersionRef[]) => tenant.engine.findStates('default', versions, 1000);
      expect(await states(before)).toEqual([undefined]);
      const found = await tenant.get(id);
      expect(await states(before, found)).toEqual([undefined, THEIRS]);
    });

    it('is not overwritten under its old tag, its old version or by a patch of the old state (invariant 33)', async () => {
      const { id, before } = await overwritten('never expires');
      for (const expected of [expectOn(before), { expect: { version: 1 } }]) {
        expect(await refusalOf(tenant.putText(id, MINE, expected))).toMatchObject({ code: 'VERSION_CONFLICT' });
      }
      expect(await refusalOf(tenant.delete(id, { version: 1 }))).toMatchObject({ code: 'VERSION_CONFLICT' });
      expect(await tenant.patch(id, increment)).toMatchObject({ version: 3, state: '{"status":"done","count":1}' });
    });

    it('goes into the history under its own tag when it is written over', async () => {
      const { id, before } = await overwritten('never expires');
      await tenant.putText(id, MINE);
      const versions = (await tenant.versions(id)).map(({ version, state }) => [version, state]);
      expect(versions).toEqual([
        [3, MINE],
        [2, THEIRS],
      ]);
      expect((await tenant.versions(id)).map(etagOf)).not.toContain(etagOf(before));
    });

    it('becomes the next version when its deadline was moved, and stays ours when it was not', async () => {
      const { version } = await tenant.putText('moved', MINE, { ttl: 60_000 });
      await redis.call('PEXPIREAT', stateKey(prefix, 'moved'), (await tenant.get('moved')).deadlineMs ?? 0);
      expect(await tenant.get('moved')).toMatchObject({ version });
      await redis.pexpireat(stateKey(prefix, 'moved'), ((await tenant.get('moved')).deadlineMs ?? 0) + 5000);
      expect(await tenant.get('moved')).toMatchObject({ version: version + 1 });
    });

    it('is noticed only by length and deadline where it was written before there were checks, until the next write', async () => {
      await tenant.putText('old', MINE, { ttl: null });
      await clearCheck(redis, metaKey(prefix, 'old'));
      const found = await tenant.get('old');
      expect(etagOf(found)).toBe(`"${found.incarnation}-1"`);
      const next = await tenant.putText('old', THEIRS, expectOn(found));
      expect(etagOf(next)).toMatch(/-2\.[\w-]{5}"$/);
      expect((await tenant.versions('old')).map(etagOf)).toEqual([etagOf(next), etagOf(found)]);
      expect(await redis.lindex(historyKey(prefix, 'old'), 0)).toMatch(/^1 \d+ - \{/);
    });
  },
);
