import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { exportLines, KINDS } from '../../src/migration/export-lines.js';
import { Importer } from '../../src/migration/importer.js';
import { fillTenant } from '../support/full-tenant.js';
import { NO_KEYS } from '../support/keyrings.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { testOptions } from './engine-under-test.js';
import { openRedisEngine, openReplica, type Replica } from './redis-under-test.js';

type Line = Readonly<Record<string, unknown>>;

const NAMESPACE = 'ns';
const TENANTS = ['default', 'acme'];

/** Values that another program may put under a key of this type. */
const GARBAGE: Readonly<Record<string, (client: Redis, key: string) => Promise<unknown>>> = {
  string: (client, key) => client.set(key, 'garbage', 'KEEPTTL'),
  'empty string': (client, key) => client.set(key, ''),
  list: (client, key) => client.rpush(key, 'garbage'),
  'other list': (client, key) => client.multi().del(key).rpush(key, 'x').exec(),
  'other string': (client, key) => client.set(key, 'x'),
  hash: (client, key) => client.hset(key, 'total', 'garbage', 'paused', 'garbage'),
  zset: (client, key) => client.zadd(key, 7, 'garbage of another program'),
  stream: (client, key) => client.xadd(key, '*', 'garbage', 'garbage'),
};

function damagesOf(type: string): readonly string[] {
  return type === 'string' ? ['string', 'empty string', 'other list'] : [type, 'other string'];
}

describe('an export of a store in which another program has damaged a key', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let replica: Replica;
  let dumps: (readonly [key: string, type: string, dump: Buffer, expiresAtMs: number])[];
  let whole: ReadonlyMap<string, string>;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
    const opened = await openRedisEngine(redis.port);
    for (const tenant of TENANTS) await fillTenant(new TestTenant(opened.engine, tenant), opened.clock);
    await opened.close();
    const [own] = (await direct.keys('*waymark:tenants')).map((key) => key.slice(0, key.indexOf(':waymark')));
    replica = await openReplica(redis.port, { options: testOptions, index: testIndex, namespace: own ?? NAMESPACE });
    const keys = (await direct.keys('*')).toSorted();
    dumps = await Promise.all(
      keys.map(async (key) => {
        const expiresAtMs = Math.max(0, (await direct.call('PEXPIRETIME', key)) as number);
        return [key, await direct.type(key), (await direct.dumpBuffer(key)) as Buffer, expiresAtMs] as const;
      }),
    );
    whole = recordsIn(await exported());
  });
  afterAll(async () => {
    await replica.close();
    direct.disconnect();
    await redis.stop();
  });

  async function exported(): Promise<readonly Line[]> {
    let text = '';
    const options = { view: 'records', kinds: KINDS, access: 'include' } as const;
    for await (const some of exportLines(replica.engine.moving, options, NO_KEYS)) text += some;
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  }

  async function restore(): Promise<void> {
    const all = direct.pipeline().flushall();
    for (const [key, , dump, expiresAtMs] of dumps) all.restore(key, expiresAtMs, dump, 'ABSTTL');
    await all.exec();
  }

  it('goes on, and names what is damaged or incomplete', async () => {
    expect(whole.size).toBeGreaterThan(30);
    const faults: unknown[] = [];
    let named = 0;
    // Only keys of the default tenant are damaged: the export of tenant acme must not change.
    for (const [key, type] of dumps.filter(([name]) => !name.includes('{acme}'))) {
      for (const damage of damagesOf(type)) {
        await restore();
        await GARBAGE[damage]?.(direct, key);
        const lines = await exported();
        const end = lines.at(-1);
        const damaged = lines.filter(({ kind }) => kind === 'damaged');
        const names = new Set(damaged.map(({ tenant, of, id }) => `${tenant} ${of} ${id}`));
        const records = recordsIn(lines);
        const wrong = [...whole].filter(([name, text]) => records.get(name) !== text).map(([name]) => name);
        const unnamed = wrong.filter((name) => !isNamed(names, name) && !isOpaque(key, type, damage));
        const isCounted = end?.['kind'] === 'end' && end['damaged'] === damaged.length;
        if (!isCounted || unnamed.length > 0) faults.push({ key, damage, end, damaged, unnamed });
        if (damaged.length > 0) named++;
      }
    }
    expect(faults).toEqual([]);
    expect(named).toBeGreaterThan(60);
  });

  it('is taken by an import, which names the damaged record too', async () => {
    await restore();
    const [key] = dumps.map(([name]) => name).filter((name) => name.endsWith(':document_workflow:raw'));
    await direct.set(key as string, 'garbage');
    const target = await openMemoryEngine({ options: testOptions, index: testIndex, sweeps: false });
    const importer = new Importer(target.moving, { onConflict: 'fail', isDryRun: false, keyring: NO_KEYS });
    const lines = (await exported()).map((line) => JSON.stringify(line));
    const { isComplete, damaged, problemCount, problems, counts } = await importer.take(eachOf(lines));
    expect({ isComplete, damaged, problemCount }).toEqual({ isComplete: true, damaged: 1, problemCount: 1 });
    expect(problems[0]?.message).toContain('workflow raw');
    expect(counts.created).toBe(whole.size - 1);
    await target.close();
  });
});

async function* eachOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** The record, the list that it belongs to, or the list of tenants. */
function isNamed(names: ReadonlySet<string>, record: string): boolean {
  const [tenant, kind] = record.split(' ');
  const isOfUnlisted = tenant !== 'default' && names.has('default workflow ');
  return names.has(record) || names.has(`${tenant} ${kind} `) || isOfUnlisted;
}

/** Entries of boards are any text, so one more of them is no damage. */
function isOpaque(key: string, type: string, damage: string): boolean {
  return key.includes('board:entries:') && damage === type;
}

function recordsIn(lines: readonly Line[]): ReadonlyMap<string, string> {
  const records = lines.filter(({ kind }) => !['header', 'end', 'damaged'].includes(String(kind)));
  return new Map(records.map((line) => [`${line['tenant']} ${line['kind']} ${line['id']}`, JSON.stringify(line)]));
}
