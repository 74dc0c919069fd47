import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { formerTypeOf, isFormerIndex } from '../../src/engine/redis/upgrade/former-keys.js';
import { startCommand } from '../support/command-process.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { metaFields } from '../support/packed-meta.js';
import { formerData, restoreFormer } from '../support/former-schemas/data.js';
import { until } from '../support/until.js';

const IS_LONG = process.env['WAYMARK_CHAOS'] === '1';
const COPIES = IS_LONG ? 100_000 : 1000;
const KILLS = IS_LONG ? 5 : 2;
const TIMEOUT_MS = IS_LONG ? 1_800_000 : 180_000;
const AT_ONCE = 1000;

/** Copies a workflow, the key of its commit and one of its tasks: keys and entries like those of the original. */
const COPY = `
local own, values = ARGV[4], 'document_workflow_index:values'
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local id = 'many-' .. i
  for _, kind in ipairs({ '', '_meta', '_history' }) do redis.call('COPY', 'document_workflow' .. kind .. ':many', 'document_workflow' .. kind .. ':' .. id) end
  for _, index in ipairs({ 'updated', 'created', 'deadline', 'ids' }) do
    local key = 'document_workflow_index:' .. index
    redis.call('ZADD', key, redis.call('ZSCORE', key, 'many'), id)
  end
  redis.call('HSET', values, id, redis.call('HGET', values, 'many'))
  redis.call('COPY', ARGV[3], ARGV[3] .. '-' .. i)
  for _, kind in ipairs({ 'task:', 'payload:' }) do redis.call('COPY', own .. kind .. 'stopped', own .. kind .. 'stopped-' .. i) end
  redis.call('ZADD', own .. 'queue:ready:paused', i, 'stopped-' .. i)
end`;

/** Gets a meta by the upgrade, with which the sweep removes it. */
const EXPIRED = 'document_workflow_meta:over';

interface Meta {
  readonly prefix: string;
  readonly id: string;
  readonly isFormer: boolean;
}

/** Fields of the packed meta that a workflow of an earlier schema gets. */
function fieldsOf(meta: Record<string, string>, entries: string | null): unknown[] {
  const numberIn = (name: string) => (meta[name] === '-' ? false : Number(meta[name]));
  const [digest, check] = [meta['check']?.slice(0, 8), meta['check']?.slice(8)].map((text) => text || false);
  const times = ['created', 'updated', 'deadline', 'ttl', 'bytes', 'history_bytes'].map(numberIn);
  const ends = meta['history_bytes'] === '0' ? false : numberIn('deadline');
  return [meta['inc'], numberIn('version'), check, digest, ...times, ends, meta['about'], entries ?? '{}'];
}

describe.each([3, 4] as const)('an upgrade of schema %d that is killed', (schema) => {
  const own = schema === 3 ? '' : 'waymark:';
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

  async function textsOf(metas: readonly Meta[]): Promise<string[]> {
    const textOf = async ({ prefix, id, isFormer }: Meta) => {
      const key = `${prefix}document_workflow_meta:${id}`;
      const entries = () => direct.hget(`${prefix}document_workflow_index:values`, id);
      const fields = isFormer ? fieldsOf(await direct.hgetall(key), await entries()) : await metaFields(direct, key);
      return `${prefix}${id} ${JSON.stringify(fields)}`;
    };
    return Promise.all(metas.map(textOf));
  }

  /** Digest of all keys under the names, and of all metas in the form, that they have or get in schema 5. */
  async function digest(): Promise<string> {
    const entries = new Set<string>();
    let cursor = '0';
    do {
      const [next, keys] = await direct.scan(cursor, 'COUNT', AT_ONCE);
      cursor = next;
      const reading = direct.pipeline();
      for (const key of keys) reading.callBuffer('DUMP', key).call('PEXPIRETIME', key).type(key);
      const replies = (await reading.exec()) ?? [];
      const metas: Meta[] = [];
      for (const [i, key] of keys.entries()) {
        const [, prefix = '', rest = ''] = /^(\{.*?\}:|)(.*)$/s.exec(key) ?? [];
        // Written by the upgrade itself, or not needed any more.
        if (/^(waymark:schema|schema|tenants:active|fence:.*|document_workflow_index:values)$/.test(rest)) continue;
        if (isFormerIndex(rest) || rest === EXPIRED) continue;
        const [dump, expiry, type] = [0, 1, 2].map((n) => replies[3 * i + n]?.[1]);
        if (rest.startsWith('document_workflow_meta:')) {
          metas.push({ prefix, id: rest.slice('document_workflow_meta:'.length), isFormer: type === 'hash' });
          continue;
        }
        const name = formerTypeOf(rest) === undefined ? key : `${prefix}waymark:${rest}`;
        const hash = createHash('sha1')
          .update(dump as Buffer)
          .digest('hex');
        entries.add(`${name} ${hash} ${String(expiry)}`);
      }
      for (const text of await textsOf(metas)) entries.add(text);
    } while (cursor !== '0');
    return createHash('sha1')
      .update([...entries].toSorted().join('\n'))
      .digest('hex');
  }

  /** Keys that were changed so far. */
  const changed = async () => {
    const stats = await direct.info('commandstats');
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    return calls('renamenx') + calls('hmget');
  };

  it(
    'goes on where it was, and loses nothing (invariant 35)',
    async () => {
      await restoreFormer(direct, formerData(schema));
      const [once] = await direct.keys(`${own}once:a client key*`);
      for (let from = 1; from <= COPIES; from += AT_ONCE) {
        await direct.eval(COPY, 0, from, Math.min(from + AT_ONCE - 1, COPIES), once as string, own);
      }
      const before = await digest();
      const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, ENV_FILE: '/nothing' };
      let kills = 0;
      while (kills < KILLS) {
        const from = await changed();
        const { child, ended } = startCommand(['upgrade'], { env });
        let isOver = false;
        void ended.then(() => (isOver = true));
        const isFarEnough = async () => isOver || (await changed()) >= from + COPIES / KILLS / 4;
        const hasBegun = until(isFarEnough, 'it changes keys');
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
      const left = (await direct.keys('*')).map((key) => key.replace(/^\{.*?\}:/, ''));
      expect(left.filter((rest) => formerTypeOf(rest) !== undefined || isFormerIndex(rest))).toEqual([]);
      expect(await direct.get('waymark:schema')).toMatch(/^5 waymark /);
      expect(kills).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
