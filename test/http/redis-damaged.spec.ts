import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { runHere } from '../cli/run-here.js';
import { bearer, call, tenantWithKey } from '../support/migration-load.js';
import { openService } from '../support/open-service.js';
import { AS_OPERATOR, WITH_OPERATOR } from '../support/operator.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';

describe('A service on a Redis in which another program has damaged keys', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let directory: string;
  let service: Awaited<ReturnType<typeof openService>>;
  const home = process.cwd();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-damaged-'));
    process.chdir(directory);
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
    service = await openService({ ...WITH_OPERATOR, REDIS_URL: url() });
    for (const id of ['a', 'broken', 'history', 'z']) {
      for (const state of [1, 2]) await call(service.url, 'PUT', `/v1/workflows/${id}`, { state }, AS_OPERATOR);
    }
    await call(service.url, 'POST', '/v1/queues/q/tasks', { payload: 1 }, AS_OPERATOR);
    const key = await tenantWithKey(service.url, 'acme');
    await call(service.url, 'PUT', '/v1/workflows/w', { state: 1 }, bearer(key));
    await direct.del('document_workflow:broken');
    await direct.hset('document_workflow:broken', 'f', 'v');
    await direct.rpush('document_workflow_history:history', 'garbage');
    await direct.set('waymark:queue:dead:q', 'x');
    await direct.set('{acme}:document_workflow_index:ids', 'x');
  });
  afterAll(async () => {
    process.chdir(home);
    await service.close();
    direct.disconnect();
    await redis.stop();
    await rm(directory, { recursive: true });
  });

  const url = () => `redis://127.0.0.1:${redis.port}`;
  /** The tasks of workflows are found by the list of workflows. */
  const DAMAGED = [
    'workflow broken',
    'workflow history',
    'list of tasks',
    'list of workflows of tenant acme',
    'list of tasks of tenant acme',
  ];
  const named = ({ tenant, of, id }: Record<string, unknown>) =>
    `${id === '' ? `list of ${String(of)}s` : `${String(of)} ${String(id)}`}${tenant === 'default' ? '' : ` of tenant ${String(tenant)}`}`;
  const linesOf = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('exports all others to its end, and names them', async () => {
    const response = await fetch(`${service.url}/v1/export`, { headers: AS_OPERATOR });
    const lines = linesOf(await response.text());
    expect(lines.at(-1)).toMatchObject({ kind: 'end', workflows: expect.any(Number), tasks: 1, damaged: 5 });
    expect(
      lines
        .filter(({ kind }) => kind === 'damaged')
        .map(named)
        .toSorted(),
    ).toEqual(DAMAGED.toSorted());
    for (const id of ['a', 'z']) expect(lines).toContainEqual(expect.objectContaining({ kind: 'workflow', id }));
    const [broken] = lines.filter(({ kind, id }) => kind === 'damaged' && id === 'broken');
    expect(broken?.['message']).toContain('document_workflow:broken');
    const some = await call(
      service.url,
      'POST',
      '/v1/export',
      { kind: 'workflow', ids: ['a', 'broken', 'z'] },
      AS_OPERATOR,
    );
    expect(some.json.items.map(({ kind }: { kind: string }) => kind)).toEqual(['workflow', 'damaged', 'workflow']);
  });

  it('is exported by the command, which prints them and exits with 4', async () => {
    for (const from of [url(), service.url]) {
      const { code, stderr } = await runHere(['export', '--from', from, '--to', './all.ndjson'], { ...WITH_OPERATOR });
      expect([from, code]).toEqual([from, 4]);
      for (const name of DAMAGED) expect(stderr).toContain(`damaged: ${name}: `);
      expect(stderr).toContain('the export lacks 5 damaged records');
      expect(linesOf(await readFile('all.ndjson', 'utf8')).at(-1)).toMatchObject({ kind: 'end', damaged: 5 });
    }
  });

  it('is not migrated in silence', async () => {
    for (const [i, from] of [url(), service.url].entries()) {
      const moved = await runHere(['migrate', '--from', from, '--to', `./data-${i}`], { ...WITH_OPERATOR });
      expect([from, moved.code]).toEqual([from, 1]);
      for (const name of DAMAGED) expect(moved.stderr).toContain(`damaged: ${name}: `);
      expect(moved.stdout).toContain('Migration is not complete');
      const copy = await runHere(['export', '--from', `./data-${i}`]);
      const ids = linesOf(copy.stdout).flatMap(({ kind, id, tenant }) =>
        kind === 'workflow' && tenant === 'default' ? [id] : [],
      );
      expect([copy.code, ids]).toEqual([0, ['a', 'z']]);
    }
  });

  it('lists agents, without a report that is damaged', async () => {
    const report = { status: 'idle', load: 0 };
    for (const agent of ['one', 'two', 'three'])
      expect((await call(service.url, 'POST', `/v1/agents/${agent}/status`, report, AS_OPERATOR)).status).toBe(200);
    const [key] = await direct.keys('waymark:board:notices:*');
    for (const [name, text] of [
      ['one', 'garbage'],
      ['two', '{"status":5}'],
    ] as const)
      await direct.hset(key as string, name, text);
    const { status, json } = await call(service.url, 'GET', '/v1/agents', undefined, AS_OPERATOR);
    const reported = json.items.filter((item: { lastStatus: unknown }) => item.lastStatus !== null);
    expect([status, reported.map(({ id }: { id: string }) => id)]).toEqual([200, ['three']]);
  });
});
