import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startCommand } from '../support/command-process.js';
import { keyringWith, newEncryptionKey } from '../support/keyrings.js';
import { bearer, call, digests, fill, idOf, tenantWithKey } from '../support/migration-load.js';
import { openService } from '../support/open-service.js';
import { AS_OPERATOR, WITH_OPERATOR } from '../support/operator.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';
import { runHere } from './run-here.js';

const WORKFLOWS = 60;

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

describe('The commands that move state', () => {
  let directory: string;
  let redis: RedisProcess;
  const home = process.cwd();
  const stops: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-moving-'));
    // A move keeps its ledger in the working directory.
    process.chdir(directory);
    redis = await startRedisProcess();
  });
  afterEach(async () => {
    process.chdir(home);
    for (const stop of stops.splice(0)) await stop();
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const path = (name: string) => join(directory, name);
  const url = () => `redis://127.0.0.1:${redis.port}`;
  const waymark = (args: readonly string[], env = {}) => runHere(args, { ...WITH_OPERATOR, ...env });
  /** In a process of its own. */
  const waymarkBeside = (args: readonly string[], input = '') =>
    startCommand(args, { cwd: directory, env: WITH_OPERATOR, input }).ended;
  const serve = async (env: Record<string, string>) => {
    const service = await openService({ ...WITH_OPERATOR, ...env });
    stops.push(service.close);
    return service;
  };
  /** A directory belongs to one process: this service is one of its own. */
  const serveBeside = async (env: Record<string, string>) => {
    const service = await startService({ ...WITH_OPERATOR, ...env });
    stops.push(service.stop);
    return service;
  };
  const expectGood = ({ code, stderr }: Ended) =>
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });

  it('move a directory in use to Redis, on to a file, and back to a directory, and all stays the same', async () => {
    const source = await serveBeside({ DATA_DIR: path('a') });
    await fill(source.url, WORKFLOWS);
    await call(source.url, 'POST', '/v1/queues/q-0/pause');
    const before = await digests(source.url);

    const dry = await waymark(['migrate', '--from', path('a'), '--to', url(), '--dry-run']);
    expectGood(dry);
    expect(dry.stdout).toContain(`would create ${before.size},`);
    const first = await waymark(['migrate', '--from', path('a'), '--to', url(), '--verbose']);
    expectGood(first);
    expect(first.stdout.match(/^Migrated: case-/gm)).toHaveLength(WORKFLOWS);
    expect(first.stdout.trimEnd().split('\n').at(-1)).toBe('Migration complete!');
    const second = await waymark(['migrate', '--from', path('a'), '--to', url(), '--json']);
    const events = second.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.at(-1)).toMatchObject({
      event: 'done',
      ok: true,
      created: 0,
      updated: 0,
      same: before.size,
      verified: before.size - 5,
    });

    expectGood(await waymark(['migrate', '--from', url(), '--to', path('copy.ndjson')]));
    const last = JSON.parse(
      (await readFile(path('copy.ndjson'), 'utf8')).trimEnd().split('\n').at(-1) as string,
    ) as object;
    expect(last).toMatchObject({ kind: 'end', workflows: WORKFLOWS, queues: 5 });
    expectGood(await waymark(['migrate', '--from', path('copy.ndjson'), '--to', path('b')]));
    const onRedis = await serve({ REDIS_URL: url() });
    const onDisk = await serveBeside({ DATA_DIR: path('b') });
    expect(await digests(onRedis.url)).toEqual(before);
    expect(await digests(onDisk.url)).toEqual(before);

    const busy = await waymark(['migrate', '--from', url(), '--to', path('b')]);
    expect([busy.code, busy.stderr]).toEqual([1, expect.stringContaining('in use by another service')]);
  });

  it('carry what was changed and deleted since the last run, and what the target has of its own stays', async () => {
    const source = await serve({});
    const target = await serve({ REDIS_URL: url() });
    await fill(source.url, WORKFLOWS);
    const args = ['migrate', '--from', source.url, '--to', target.url];
    await call(target.url, 'PUT', '/v1/workflows/of-the-target', { state: 1 });
    expectGood(await waymark(args));
    await call(source.url, 'DELETE', `/v1/workflows/${idOf(1)}`);
    await call(source.url, 'POST', `/v1/workflows/${idOf(2)}/touch`, { ttlSeconds: 99_999 });
    await call(source.url, 'PUT', `/v1/workflows/${idOf(3)}`, { state: 'newer' });
    expectGood(await waymark(args));
    const after = await digests(target.url);
    expect(after.delete('workflow of-the-target')).toBe(true);
    expect(after).toEqual(await digests(source.url));

    // Another client has written at the target meanwhile: nothing is undone.
    await call(target.url, 'PUT', `/v1/workflows/${idOf(4)}`, { state: 'at the target' });
    await call(source.url, 'PUT', `/v1/workflows/${idOf(4)}`, { state: 'at the source' });
    const conflict = await waymark(args);
    expect([conflict.code, conflict.stderr]).toEqual([1, expect.stringContaining(`another workflow ${idOf(4)}`)]);
    expect(conflict.stdout).toContain('Migration is not complete');
    expect((await call(target.url, 'GET', `/v1/workflows/${idOf(4)}`)).json.state).toBe('at the target');
    expectGood(await waymark([...args, '--on-conflict', 'skip']));
    expectGood(await waymark([...args, '--on-conflict', 'newer']));
    expect((await call(target.url, 'GET', `/v1/workflows/${idOf(4)}`)).json.state).toBe('at the source');
  });

  it('carry tenants and their keys, which work at the target, and leave them out of an export on request', async () => {
    const source = await serve({ DATA_DIR: path('a') });
    const token = await tenantWithKey(source.url, 'acme');
    const revoked = await tenantWithKey(source.url, 'other');
    await call(source.url, 'PUT', '/v1/workflows/w', { state: 'of acme' }, bearer(token));
    await call(source.url, 'PATCH', '/v1/tenants/other', { status: 'suspended' }, AS_OPERATOR);
    expectGood(await waymark(['migrate', '--from', source.url, '--to', url()]));
    const target = await serve({ REDIS_URL: url() });
    expect((await call(target.url, 'GET', '/v1/workflows/w', undefined, bearer(token))).json.state).toBe('of acme');
    const refused = await call(target.url, 'GET', '/v1/whoami', undefined, bearer(revoked));
    expect([refused.status, refused.json.code]).toEqual([403, 'TENANT_SUSPENDED']);
    expect(await digests(target.url)).toEqual(await digests(source.url));

    const tenants = async (...args: readonly string[]) => {
      const { stdout } = await waymark(['export', '--from', url(), ...args]);
      for (const secret of [token, revoked]) expect(stdout).not.toContain(secret);
      const lines = stdout.trimEnd().split('\n').slice(1, -1);
      return lines.map((line) => JSON.parse(line) as { tenant: string }).map(({ tenant }) => tenant);
    };
    expect(new Set(await tenants())).toEqual(new Set(['.access', '.of:acme', '.of:other', 'acme']));
    expect(new Set(await tenants('--without-access'))).toEqual(new Set(['acme']));
  });

  it('carry keys from a service whose callers notice nothing', async () => {
    const source = await serve({ DATA_DIR: path('a') });
    const target = await serve({ REDIS_URL: url() });
    await fill(source.url, WORKFLOWS);
    const token = await tenantWithKey(source.url, 'acme');
    const work = { isStopped: false, count: 0, failures: [] as unknown[] };
    const working = (async () => {
      while (!work.isStopped) {
        const put = await call(source.url, 'PUT', '/v1/workflows/w', { state: ++work.count }, bearer(token));
        const made = await call(source.url, 'POST', '/v1/keys', { name: 'k' }, bearer(token));
        const who = await call(source.url, 'GET', '/v1/whoami', undefined, bearer(made.json.key as string));
        if (![200, 201].includes(put.status) || who.json.tenant !== 'acme') work.failures.push([put, made, who]);
      }
    })();
    await until(() => work.count > 5, 'a client works');
    expectGood(await waymark(['migrate', '--from', source.url, '--to', target.url]));
    const during = work.count;
    await until(() => work.count > during + 5, 'the client goes on');
    work.isStopped = true;
    await working;
    expect(work.failures).toEqual([]);
    expectGood(await waymark(['migrate', '--from', source.url, '--to', target.url]));
    // The last use of keys may be written at any time.
    const withoutBoards = (all: Map<string, string>) =>
      [...all].filter(([name]) => !name.startsWith('board ')).toSorted();
    expect(withoutBoards(await digests(target.url))).toEqual(withoutBoards(await digests(source.url)));
    const { json } = await call(target.url, 'GET', '/v1/workflows/w', undefined, bearer(token));
    expect(json.state).toBe(work.count);
  });

  it('seal keys and tenants of an export, and open them with the key or an old one only', async () => {
    const source = await serve({ DATA_DIR: path('a') });
    const token = await tenantWithKey(source.url, 'acme');
    await call(source.url, 'PUT', '/v1/workflows/w', { state: 'of acme' }, bearer(token));
    const [key, other] = [newEncryptionKey(), newEncryptionKey()];
    const args = ['export', '--from', source.url, '--to', path('sealed.ndjson'), '--seal-access'];
    const without = await waymark(args);
    expect([without.code, without.stderr]).toEqual([1, expect.stringContaining('TOKEN_ENCRYPTION_KEY is not set')]);
    expect((await waymark([...args, '--without-access'], { TOKEN_ENCRYPTION_KEY: key })).code).toBe(2);
    const sample = await waymark(args, { TOKEN_ENCRYPTION_KEY: '0'.repeat(64) });
    expect([sample.code, sample.stderr]).toEqual([1, expect.stringContaining('64 random hexadecimal digits')]);
    expectGood(await waymark(args, { TOKEN_ENCRYPTION_KEY: key }));
    const text = await readFile(path('sealed.ndjson'), 'utf8');
    expect(text).toContain('of acme');
    expect(text).toContain('"kind":"sealed","tenant":".of:acme"');
    expect(text).not.toContain('sha256');

    const take = (env = {}) => waymark(['import', '--from', path('sealed.ndjson'), '--to', url()], env);
    const closed = await take();
    expect([closed.code, closed.stderr]).toEqual([1, expect.stringContaining('TOKEN_ENCRYPTION_KEY is not set')]);
    const wrong = await take({ TOKEN_ENCRYPTION_KEY: other });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining(keyringWith(key).kid)]);
    const target = await serve({ REDIS_URL: url() });
    expect((await digests(target.url)).size).toBe(0);
    expectGood(await take({ TOKEN_ENCRYPTION_KEY: other, TOKEN_ENCRYPTION_OLD_KEYS: key }));
    expect(await digests(target.url)).toEqual(await digests(source.url));
    expect((await call(target.url, 'GET', '/v1/whoami', undefined, bearer(token))).json.tenant).toBe('acme');
    const moved = await waymark(['migrate', '--from', path('sealed.ndjson'), '--to', path('b')], {
      TOKEN_ENCRYPTION_KEY: key,
    });
    expectGood(moved);
  });

  it('write an export and take it in again, through pipes too, and notice one that was cut', async () => {
    const source = await serve({});
    const target = await serve({});
    await fill(source.url, WORKFLOWS);
    const refused = await waymark(['export', '--from', source.url], { ADMIN_TOKEN: '' });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('UNAUTHENTICATED')]);
    const exported = await waymarkBeside(['export', '--from', source.url]);
    expectGood(exported);
    const taken = await waymarkBeside(['import', '--to', target.url], exported.stdout);
    expectGood(taken);
    expect(JSON.parse(taken.stdout)).toMatchObject({ created: WORKFLOWS + 5 + 6, problems: 0 });

    await writeFile(path('cut.ndjson'), exported.stdout.split('\n').slice(0, 10).join('\n'));
    const cut = await waymark(['import', '--from', path('cut.ndjson'), '--to', url()]);
    expect([cut.code, cut.stderr]).toEqual([1, expect.stringContaining('the stream was cut')]);
    const noSource = await waymark(['migrate', '--from', path('cut.ndjson'), '--to', url()]);
    expect([noSource.code, noSource.stderr]).toEqual([1, expect.stringContaining('was cut')]);
    expect((await waymark(['migrate', '--from', path('nowhere'), '--to', url()])).code).toBe(1);
    expect((await waymark(['migrate', '--from', 'http://127.0.0.1:1', '--to', 'redis://127.0.0.1:1'])).code).toBe(3);
    expect((await waymark(['migrate', '--from', url(), '--to', url()])).code).toBe(2);
    expect((await waymark(['migrate', '--from', url(), '--to', path('x'), '--on-conflict', 'what'])).code).toBe(2);
  });

  it('adopt what an older program has written, with the time it has left', async () => {
    const client = new Redis(redis.port);
    await client.set('document_workflow:old-1', '{"status":"draft"}', 'EX', 3600);
    await client.set('document_workflow:old-2', '{"status":"done"}');
    await client.set('document_workflow:broken', 'no JSON');
    await client.set('document_workflow:not\nan id', '{}');
    const dry = await waymark(['adopt', '--redis', url(), '--dry-run']);
    expect(dry.stdout).toContain('3 would be adopted');
    expect(await client.exists('document_workflow_meta:old-1')).toBe(0);
    const done = await waymark(['adopt', '--verbose'], { REDIS_URL: url() });
    expect(done.code).toBe(1);
    expect(done.stdout).toContain('Adopted: old-1');
    expect(done.stdout).toContain('4 keys examined: 2 adopted, 2 failed');
    expect(done.stderr).toContain('broken: its value is not JSON');
    expect(await client.get('document_workflow:old-1')).toBe('{"status":"draft"}');
    const left = await client.pttl('document_workflow:old-1');
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    await client.quit();
    const service = await serve({ REDIS_URL: url() });
    const { json } = await call(service.url, 'GET', '/v1/workflows?status=draft');
    expect(json.items).toMatchObject([{ id: 'old-1', version: 1 }]);
    expect((await waymark(['adopt', '--redis', url()])).stdout).toContain('0 adopted');
  });
});
