import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { readConfig } from '../../src/config/read-config.js';
import { examine, type Check } from '../../src/engine/redis/doctor/doctor.js';
import { startCluster } from '../support/redis-kinds/cluster.js';
import { REDIS_KINDS, type RedisKind } from '../support/redis-kinds/kinds.js';
import { rightsOf, startAcl } from '../support/redis-kinds/acl.js';
import { startTls } from '../support/redis-kinds/tls.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService } from '../support/service-process.js';
import { ACCESS_TENANT, accessTenantOf } from '../../src/engine/profile.js';
import { prefixOf } from '../../src/engine/redis/keys.js';
import { ForkingRedis } from '../support/forking-redis.js';
import { canShiftClocks, startShiftedRedis } from '../support/shifted-redis.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { TestTenant } from '../support/tenant.js';
import { fillWithHidden } from './cases/erasing.js';
import { testOptions } from './engine-under-test.js';
import { openReplica } from './redis-under-test.js';

async function examined(env: Readonly<Record<string, string>>) {
  const { redis } = readConfig({ ...env });
  if (redis === undefined) throw new Error('no Redis is named');
  const { isReachable, checks } = await examine(redis);
  const of = (name: string) => checks.find((check) => check.name === name) as Check;
  return { isReachable, checks, of };
}

describe('a Redis that is examined', () => {
  let redis: RedisProcess;
  let direct: Redis;
  const url = () => `redis://127.0.0.1:${redis.port}`;
  beforeAll(async () => {
    redis = await startRedisProcess('--appendonly', 'yes', '--maxmemory', '500mb');
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
  });
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });

  it('is fit when nothing is wrong, and left as it was', async () => {
    const { checks } = await examined({ REDIS_URL: url() });
    expect(checks.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual([
      'connection',
      'version',
      'role',
      'eviction',
      'persistence',
      'replication',
      'memory',
      'clock',
      'latency',
      'commands',
      'subscriptions',
      'namespace',
      'schema',
      'keys',
    ]);
    expect(await direct.dbsize()).toBe(0);
  });

  it.each(['allkeys-lru', 'volatile-ttl'])('is not when it evicts by %s', async (policy) => {
    await direct.config('SET', 'maxmemory-policy', policy);
    const { of } = await examined({ REDIS_URL: url() });
    await direct.config('SET', 'maxmemory-policy', 'noeviction');
    expect(of('eviction')).toMatchObject({ status: 'fail', says: expect.stringContaining(`${policy}: at its memory`) });
  });

  it('is not when it keeps nothing, or is nearly full', async () => {
    await direct.config('SET', 'appendonly', 'no');
    await direct.config('SET', 'maxmemory', '1mb');
    const { of } = await examined({ REDIS_URL: url() });
    await direct.config('SET', 'maxmemory', '500mb');
    await direct.config('SET', 'appendonly', 'yes');
    expect(of('persistence')).toMatchObject({ status: 'fail', says: expect.stringContaining('nothing is kept') });
    expect(of('memory')).toMatchObject({ status: 'fail', says: expect.stringContaining('% full') });
    expect(of('commands')).toMatchObject({ status: 'fail', says: 'the server is full and refuses writes' });
  });

  it('reports keys of other programs, and data of another schema', async () => {
    await direct.mset('session:1', 'x', 'document_workflow:old', '{}', 'waymark:schema', '99 waymark 9.9.9');
    const { of } = await examined({ REDIS_URL: url() });
    expect(of('keys')).toMatchObject({
      status: 'fail',
      says: '3 keys: 2 are of other programs, 1 of them under names of Waymark: waymark:schema (string)',
    });
    expect(of('schema')).toMatchObject({
      status: 'fail',
      says: expect.stringMatching(/schema 99, written by Waymark 9\.9\.9: use that version or a later one/),
    });
    await direct.del('waymark:schema');
    const { of: shared } = await examined({ REDIS_URL: url() });
    expect(shared('keys')).toMatchObject({ status: 'warn', says: '2 keys: 1 are of other programs' });
    expect((await examined({ REDIS_URL: url(), REDIS_NAMESPACE: 'own' })).of('keys').status).toBe('ok');
    await direct.flushall();
  });

  it.each(['', 'prod', '{prod}'])(
    'knows the keys of all tenants and hidden ones, in the namespace "%s"',
    async (namespace) => {
      const clock = new TestClock();
      const parts = { options: testOptions, index: testIndex, namespace, clock: clock.read };
      const { engine, close } = await openReplica(Number(new URL(url()).port), parts);
      for (const name of ['default', 'acme']) await fillWithHidden({ clock }, new TestTenant(engine, name));
      await new TestTenant(engine, ACCESS_TENANT).put('tenant:acme', {});
      await engine.take('acme', [{ bucket: 'p:s', rate: { limit: 1, windowMs: 60_000, burst: 1 }, want: 1, least: 1 }]);
      await engine.sweep();
      await close();
      const env = { REDIS_URL: url(), ...(namespace !== '' && { REDIS_NAMESPACE: namespace }) };
      expect((await examined(env)).of('keys')).toMatchObject({
        status: 'ok',
        says: expect.stringContaining('all are'),
      });
      await direct.set(`${prefixOf(namespace, accessTenantOf('acme'))}session:1`, 'x');
      expect((await examined(env)).of('keys').says).toContain(': 1 are of other programs');
      await direct.flushall();
    },
  );

  it.each(['sentinel', 'cluster', 'rest'] as RedisKind[])('may be of any kind: %s', async (kind) => {
    const running = await REDIS_KINDS[kind]();
    const { of, isReachable } = await examined(running.env);
    await running.stop();
    expect(isReachable).toBe(true);
    for (const name of [
      'connection',
      'version',
      'role',
      'eviction',
      'clock',
      'commands',
      'namespace',
      'schema',
      'keys',
    ])
      expect(of(name)).toMatchObject({ name, status: 'ok' });
  });

  it('is not a fit Cluster when one master that is away would stop all of them', async () => {
    const cluster = await startCluster();
    const second = cluster.admin(cluster.masters[1]?.port as number);
    const name = 'cluster-require-full-coverage';
    expect((await examined(cluster.env)).of('coverage')).toMatchObject({
      status: 'fail',
      says: expect.stringContaining(`${cluster.masters[0]?.port}: ${name} is yes: while one master is away`),
    });
    for (const { port } of cluster.masters) await cluster.admin(port).config('SET', name, 'no');
    expect((await examined(cluster.env)).of('coverage')).toMatchObject({ name: 'coverage', status: 'ok' });
    await second.config('SET', name, 'yes');
    expect((await examined(cluster.env)).of('coverage')).toMatchObject({
      status: 'fail',
      says: `127.0.0.1:${cluster.masters[1]?.port}: ${name} is yes: while one master is away, all masters refuse everything; set it to no`,
    });
    await second.config('SET', name, 'no');
    await cluster.masters[2]?.kill();
    expect((await examined(cluster.env)).of('connection')).toMatchObject({
      status: 'fail',
      says: expect.stringMatching(new RegExp(`^127.0.0.1:${cluster.masters[2]?.port} of the Cluster .* do not answer`)),
    });
    await cluster.stop();
  });

  (canShiftClocks ? it : it.skip)('has clocks in step, also those of its replicas', async () => {
    const redis = await ForkingRedis.start(undefined, (...more) => startShiftedRedis(5000, ...more));
    const { of } = await examined({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    await redis.stop();
    expect(of('clock')).toMatchObject({
      status: 'warn',
      says: expect.stringMatching(
        /^the clock of the replica 127\.0\.0\.1:\d+ is (4\.9|5) s ahead of that of this service/,
      ),
    });
  });

  it('knows every command that the scripts send', () => {
    const folder = new URL('../../src/engine/redis/scripts/', import.meta.url);
    const text = (file: string) => readFileSync(new URL(file, folder), 'utf8');
    const others = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.lua') && !file.endsWith('probe.lua'),
    );
    const used = others.flatMap((file) =>
      [...text(file).matchAll(/(?:redis\.call|in_chunks)\([^']*'([A-Z]+)'/g)].map(([, name]) => name),
    );
    const tried = new Set([...text('call/probe.lua').matchAll(/\{ '([A-Z]+)'/g)].map(([, name]) => name));
    expect([...new Set(used)].filter((name) => !tried.has(name))).toEqual([]);
  });
});

describe('a Redis user without all rights', () => {
  it('gets a list of the missing commands', async () => {
    const rights = [...rightsOf('ns-'), '-xadd', '-zlexcount', '-subscribe'];
    const redis = await startAcl(rights);
    const { of } = await examined(redis.env);
    await redis.stop();
    expect(of('commands')).toMatchObject({ status: 'fail', advice: expect.stringContaining('+zlexcount +xadd') });
    expect(of('subscriptions').status).toBe('warn');
  });

  it('without INFO leaves some checks unknown: logged once, and the service serves', async () => {
    const redis = await startAcl([...rightsOf('ns-'), '-info']);
    const { of } = await examined(redis.env);
    expect(of('eviction')).toMatchObject({ status: 'unknown', says: 'this user may not run INFO' });
    expect(of('commands').status).toBe('ok');
    const service = await startService(redis.env);
    for (let i = 0; i < 3; i++) expect((await fetch(`${service.url}/health`)).status).toBe(200);
    expect((await fetch(`${service.url}/v1/workflows`)).status).toBe(200);
    await service.stop();
    await redis.stop();
    expect(service.log().match(/may not run INFO and CONFIG|may not run CONFIG and INFO/g)).toHaveLength(1);
  });
});

describe('a Redis that cannot be reached', () => {
  const why = async (env: Record<string, string>) => {
    const { isReachable, of } = await examined({ ...env, REDIS_SOCKET_CONNECT_TIMEOUT: '2s' });
    expect(isReachable).toBe(false);
    return of('connection').says;
  };

  it('is reported with the cause when TLS does not fit', async () => {
    const [tls, plain] = await Promise.all([startTls(), startRedisProcess()]);
    const other = await startTls(['elsewhere.example']);
    const wrongName = { REDIS_URL: `rediss://127.0.0.1:${other.port}`, REDIS_TLS_CA: other.ca };
    // All at the same time: each waits until its timeout.
    const [plainToTls, tlsToPlain, unknownCa, foreignName] = await Promise.all([
      why({ REDIS_URL: `redis://127.0.0.1:${tls.port}` }),
      why({ REDIS_URL: `rediss://127.0.0.1:${plain.port}` }),
      why({ REDIS_URL: `rediss://127.0.0.1:${tls.port}` }),
      why(wrongName),
    ]);
    expect(plainToTls).toContain('it speaks TLS on this port');
    expect(tlsToPlain).toContain('it speaks no TLS on this port');
    expect(unknownCa).toContain('REDIS_TLS_CA');
    expect(foreignName).toContain('REDIS_TLS_SERVERNAME');
    for (const env of [
      { ...wrongName, REDIS_TLS_SERVERNAME: 'elsewhere.example' },
      { REDIS_URL: `rediss://127.0.0.1:${other.port}`, REDIS_TLS_REJECT_UNAUTHORIZED: 'false' },
    ])
      expect((await examined(env)).isReachable).toBe(true);
    await Promise.all([tls.stop(), other.stop(), plain.stop()]);
  });

  it('is reported with the cause when the password is wrong', async () => {
    const redis = await startRedisProcess('--requirepass', 'secret');
    expect(await why({ REDIS_URL: `redis://:wrong@127.0.0.1:${redis.port}` })).toContain(
      'refuses the user or password',
    );
    await redis.stop();
  });
});

describe('a service', () => {
  it('says at its start and in /health what is in force', async () => {
    const redis = await startRedisProcess('--maxmemory-policy', 'allkeys-lru', '--maxmemory', '200mb');
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, ALLOW_EVICTION: 'true' };
    const service = await startService(env);
    const { details } = (await (await fetch(`${service.url}/health`)).json()) as {
      details: { storage: Record<string, unknown> };
    };
    await service.stop();
    await redis.stop();
    expect(details.storage).toMatchObject({
      condition: 'degraded',
      durability: 'nothing is kept over a crash',
      evictionPolicy: 'allkeys-lru',
      appendOnly: false,
      snapshots: false,
      replicas: 0,
      maxMemoryBytes: 200 * 1024 * 1024,
      warnings: [expect.stringContaining('allkeys-lru'), expect.stringContaining('nothing is kept on disk')],
    });
    const lines = service.log().split('\n');
    expect(lines.filter((line) => /"level":"?(50|error)/.test(line)).join()).toMatch(/allkeys-lru[^]*nothing is kept/);
    expect(service.log()).toMatch(/Redis 7[^"]*; a crash of it loses: nothing is kept|a crash of it loses/);
  });

  it('refuses to start on a Cluster without a hash tag, and says exactly that', async () => {
    const start = startService({ REDIS_CLUSTER_NODES: '127.0.0.1:1' });
    await expect(start).rejects.toThrow(/REDIS_NAMESPACE="": must carry a hash tag .* such as \{prod\}/);
  });
});
