import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { formerTypeOf } from '../../src/engine/redis/upgrade/former-keys.js';
import { startCommand } from '../support/command-process.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { restoreSchema3, schema3Data } from '../support/schema-3/data.js';
import { until } from '../support/until.js';

const COPIES = process.env['WAYMARK_CHAOS'] === '1' ? 100_000 : 2000;
const KILLS = 5;
const AT_ONCE = 1000;

/** Copies a workflow, the key of its commit and one of its tasks: KEYS and entries like those of the original. */
const COPY = `
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local id = 'many-' .. i
  for _, kind in ipairs({ '', '_meta', '_history' }) do redis.call('COPY', 'document_workflow' .. kind .. ':many', 'document_workflow' .. kind .. ':' .. id) end
  for _, index in ipairs({ 'updated', 'created', 'deadline', 'ids' }) do
    local key = 'document_workflow_index:' .. index
    redis.call('ZADD', key, redis.call('ZSCORE', key, 'many'), id)
  end
  redis.call('COPY', ARGV[3], ARGV[3] .. '-' .. i)
  for _, kind in ipairs({ 'task:', 'payload:' }) do redis.call('COPY', kind .. 'stopped', kind .. 'stopped-' .. i) end
  redis.call('ZADD', 'queue:ready:paused', i, 'stopped-' .. i)
end`;

describe('an upgrade of schema 3 that is killed', () => {
  let redis: RedisProcess;
  let direct: Redis;

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
  });
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });

  /** Digest of all keys under the names that they have, or get, in schema 4. */
  async function digest(): Promise<string> {
    const entries: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = await direct.scan(cursor, 'COUNT', AT_ONCE);
      cursor = next;
      const reading = direct.pipeline();
      for (const key of keys) reading.callBuffer('DUMP', key).call('PEXPIRETIME', key);
      const replies = (await reading.exec()) ?? [];
      keys.forEach((key, i) => {
        const [, prefix = '', rest = ''] = /^(\{.*?\}:|)(.*)$/s.exec(key) ?? [];
        // Written by the upgrade itself, or not needed any more.
        if (/^(waymark:schema|schema|tenants:active|fence:.*)$/.test(rest)) return;
        const name = formerTypeOf(rest) === undefined ? key : `${prefix}waymark:${rest}`;
        const hash = createHash('sha1')
          .update(replies[2 * i]?.[1] as Buffer)
          .digest('hex');
        entries.push(`${name} ${hash} ${String(replies[2 * i + 1]?.[1])}`);
      });
    } while (cursor !== '0');
    return createHash('sha1')
      .update([...new Set(entries)].toSorted().join('\n'))
      .digest('hex');
  }

  const renamed = async () => Number(/cmdstat_renamenx:calls=(\d+)/.exec(await direct.info('commandstats'))?.[1] ?? 0);

  it('goes on where it was, and loses nothing (invariant 35)', async () => {
    await restoreSchema3(direct, schema3Data());
    const [once] = await direct.keys('once:a client key*');
    for (let from = 1; from <= COPIES; from += AT_ONCE) {
      await direct.eval(COPY, 0, from, Math.min(from + AT_ONCE - 1, COPIES), once as string);
    }
    const before = await digest();
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, ENV_FILE: '/nothing' };
    let kills = 0;
    while (kills < KILLS) {
      const from = await renamed();
      const { child, ended } = startCommand(['upgrade'], { env });
      const hasBegun = until(async () => (await renamed()) >= from + COPIES / KILLS / 4, 'it renames keys');
      const { code } = (await Promise.race([ended, hasBegun.then(() => ({ code: 'begun' as const }))])) as {
        code: unknown;
      };
      child.kill('SIGKILL');
      await ended;
      await hasBegun.catch(() => undefined);
      if (code === 0) break;
      kills++;
    }
    const end = await startCommand(['upgrade', '--json'], { env }).ended;
    expect([end.code, end.stderr]).toEqual([0, '']);
    expect(await digest()).toBe(before);
    expect((await direct.keys('*')).filter((key) => formerTypeOf(key.replace(/^\{.*?\}:/, '')) !== undefined)).toEqual(
      [],
    );
    expect(await direct.get('waymark:schema')).toMatch(/^4 waymark /);
    expect(kills).toBeGreaterThan(0);
  });
});
