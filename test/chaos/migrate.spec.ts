import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { digestOf } from '../../src/engine/moving/digest.js';
import { checkedRecord } from '../../src/migration/checked-record.js';
import { Random } from '../contract/fuzz/random.js';
import { startCommand } from '../support/command-process.js';
import { call, digests, fill, idOf, Writer } from '../support/migration-load.js';
import { AS_OPERATOR, WITH_OPERATOR } from '../support/operator.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';
import { scaled } from '../support/scale.js';

const SEED = 20_261_121;
const WRITERS = 2;
/** The output after which the command is killed, at once or a moment later. */
const PHASES = ['"copy"', '"copy"', '"catch-up"', '"verify"'];

const { workflows, kills, timeoutMs } = scaled({
  short: { workflows: 500, kills: 3, timeoutMs: 360_000 },
  long: { workflows: 100_000, kills: 8, timeoutMs: 1_800_000 },
});

/** A live service is moved while clients write, by a command that is killed again and again. */
describe(`Moving ${workflows} workflows of a live service to Redis`, () => {
  let directory: string;
  let redis: RedisProcess;
  let source: ServiceProcess;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-migrate-'));
    redis = await startRedisProcess();
    const limits = { LOG_LEVEL: 'info', QUEUE_MAX_TASKS: '1000000' };
    source = await startService({ DATA_DIR: join(directory, 'data'), ...limits, ...WITH_OPERATOR });
    await fill(source.url, workflows);
  }, timeoutMs / 2);
  afterAll(async () => {
    await source.stop();
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it(
    `under write load and with ${kills} kills loses nothing, and a second run moves nothing`,
    async () => {
      const random = new Random(SEED);
      const target = `redis://127.0.0.1:${redis.port}`;
      const args = ['migrate', '--from', source.url, '--to', target, '--json'];
      const untouched = idOf(workflows - 1);
      const etag = (await call(source.url, 'GET', `/v1/workflows/${untouched}`)).json.etag as string;
      const writers = Array.from({ length: WRITERS }, (_, i) => new Writer(source.url, workflows, SEED + i));
      for (const writer of writers) writer.start();

      for (let kill = 0; kill < kills; kill++) {
        const running = startCommand(args, { cwd: directory, env: WITH_OPERATOR });
        const phase = PHASES[kill % PHASES.length] as string;
        await Promise.race([until(() => running.stdout().includes(phase), phase, timeoutMs / 2), running.ended]);
        await Promise.race([sleep(random.below(workflows / 10)), running.ended]);
        running.child.kill('SIGKILL');
        await running.ended;
      }
      const started = performance.now();
      const last = startCommand(args, { cwd: directory, env: WITH_OPERATOR });
      await Promise.race([
        until(() => last.stdout().includes('"catch-up"'), 'it catches up', timeoutMs / 2),
        last.ended,
      ]);
      for (const writer of writers) await writer.stop();
      const { code, stdout, stderr } = await last.ended;
      const seconds = (performance.now() - started) / 1000;
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
      const done = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Record<string, number>;
      expect(done).toMatchObject({ event: 'done', ok: true, conflict: 0, different: 0 });

      const moved = await startService({ REDIS_URL: target, ...WITH_OPERATOR });
      try {
        const [before, after] = [await digests(source.url), await digests(moved.url)];
        await addUnlisted(moved.url, [...before.keys()], after);
        expect(before.size).toBeGreaterThan(workflows);
        expect(differences(before, after)).toEqual([]);
        const again = startCommand(args, { cwd: directory, env: WITH_OPERATOR });
        const second = JSON.parse((await again.ended).stdout.trimEnd().split('\n').at(-1) as string) as object;
        expect(second).toMatchObject({
          ok: true,
          created: 0,
          updated: 0,
          removed: 0,
          caughtUp: 0,
          same: before.size,
        });
        const put = await call(
          moved.url,
          'PUT',
          `/v1/workflows/${untouched}`,
          { state: 'after' },
          { 'if-match': etag },
        );
        expect([put.status, put.json.version]).toEqual([200, 3]);
      } finally {
        await moved.stop();
      }
      const writes = writers.reduce((sum, writer) => sum + writer.writes, 0);
      process.stdout.write(
        `migrate: ${workflows} workflows, ${kills} kills, ${writes} writes meanwhile, last run ${seconds.toFixed(1)} s, ${JSON.stringify(done)}\n`,
      );
    },
    timeoutMs,
  );
});

/** Redis has an ended task whose workflow is gone, but cannot list it. */
async function addUnlisted(url: string, names: readonly string[], found: Map<string, string>): Promise<void> {
  for (const name of names.filter((one) => one.startsWith('task ') && !found.has(one))) {
    const { json } = await call(
      url,
      'POST',
      '/v1/export',
      { kind: 'task', ids: [name.slice('task '.length)] },
      AS_OPERATOR,
    );
    const [item] = json.items as (Record<string, unknown> | null)[];
    if (item !== null && item !== undefined) found.set(name, await digestOf(checkedRecord(item, Infinity)));
  }
}

/** Records that are on one side only or differ. Records that expired in between are no difference. */
function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).slice(0, 10);
}
