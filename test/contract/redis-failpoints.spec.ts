import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { MovedTask, MovedVersion, MovedWorkflow } from '../../src/engine/moving/moved.js';
import { stampOf } from '../../src/engine/moving/stamp.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { prefixOf } from '../../src/engine/redis/keys.js';
import { HISTORY_PIECE_ENTRIES } from '../../src/engine/limits.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { ServiceError } from '../../src/service-error.js';
import { Failpoints } from '../support/failpoints.js';
import { TestClock } from '../support/clock.js';
import { append } from '../support/edits.js';
import { FAIL, readTask, readWorkflow } from '../support/moving.js';
import { once, patch, put, remove, testIndex, touch } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { claimOf, newTask, TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { MIB, testOptions } from './engine-under-test.js';
import { configFor } from './redis-under-test.js';

Logger.overrideLogger(false);

/** Far above the writes of any script here. */
const MAX_WRITES = 200;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * Writes that change nothing: a script asks with them whether the server has memory; see writing.lua. If one fails for
 * another reason, the script goes on.
 */
const PROBES = ['SETRANGE', 'XDEL'];

interface Scene {
  readonly engine: RedisEngine;
  readonly clock: TestClock;
  /** A client beside the service. */
  readonly direct: Redis;
  /** Start of the tenant's keys. */
  readonly prefix: string;
  readonly tenant: TestTenant;
  readonly queue: TestQueue;
}

interface Case {
  /** Name of the last file of the script. */
  readonly script: string;
  /** Calls of the script before the one that fails; by default none. */
  readonly skipped?: number;
  /** Prepares the data; returns the call that fails. */
  readonly of: (scene: Scene) => Promise<() => Promise<unknown>>;
}

/** A script of which nobody sees the outcome: the next run ends what a failed one has begun. */
interface HealingCase extends Case {
  /** Reads what the call should bring about: a run after a failed one must bring about the same. */
  readonly aim: (scene: Scene) => Promise<unknown>;
}

/** A workflow with two versions, in the index, with an open task. */
async function prepared({ tenant, queue }: Scene): Promise<void> {
  await tenant.put('w', { status: 'new', list: [] }, { ttl: HOUR });
  await tenant.put('w', { status: 'open', list: [] }, { ttl: HOUR });
  await queue.enqueue({ id: 'held', workflowId: 'w' });
}

async function claimed({ engine, tenant, queue }: Scene) {
  await queue.enqueue({ id: 'claimed', workflowId: 'w' });
  const { tasks } = await engine.tasks.claim(tenant.name, claimOf('q'), randomUUID());
  const [task] = tasks;
  if (task === undefined) throw new Error('no task was claimed');
  return task;
}

async function dead(scene: Scene): Promise<void> {
  const { id, token } = await claimed(scene);
  const error = { code: 'E', message: 'failed' };
  const step = { kind: 'fail', id, token, error, isRetryable: false, jitter: 1 } as const;
  await scene.engine.tasks.step(scene.tenant.name, step, once());
}

/** A workflow with a history and a task of another tenant, to be moved. */
async function movable({ engine, tenant }: Scene): Promise<{ workflow: MovedWorkflow; task: MovedTask }> {
  const from = new TestTenant(engine, `${tenant.name}-from`);
  const queue = new TestQueue(engine, from.name);
  await from.put('w', { status: 'new' }, { ttl: HOUR });
  await from.put('w', { status: 'open' }, { ttl: HOUR });
  await queue.enqueue({ id: 'a', workflowId: 'w', dedupe: { key: 'd', keepMs: HOUR }, headers: '{"h":1}' });
  await queue.fail(await queue.take(), { isRetryable: true });
  return { workflow: await readWorkflow(engine, from.name, 'w'), task: await readTask(engine, from.name, 'a') };
}

/** A history that goes in pieces. */
function withLongHistory(workflow: MovedWorkflow, versions: number, bytes: number): MovedWorkflow {
  const [earlier] = workflow.history as readonly [MovedVersion];
  const state = JSON.stringify('x'.repeat(bytes));
  const history = Array.from({ length: versions }, (_, i) => ({ ...earlier, version: versions - i, state }));
  return { ...workflow, version: versions + 1, history };
}

const moving = (
  script: string,
  of: (scene: Scene, records: { workflow: MovedWorkflow; task: MovedTask }) => Promise<() => Promise<unknown>>,
): Case => ({ script, of: async (scene) => of(scene, await movable(scene)) });

/** The remaining keys of the tenant, and the sets that hold its tasks. Once keys, fences and rates end by themselves. */
async function leftOf({ tenant, engine, direct, prefix }: Scene): Promise<unknown> {
  const keys = (await direct.keys(`${prefix}*`)).map((key) => key.slice(prefix.length));
  const members = (set: string) => direct.zrange(`${prefix}${set}`, '0', '-1');
  const sets = await Promise.all(
    ['ready', 'delayed', 'leased', 'dead'].map((kind) => members(`waymark:queue:${kind}:q`)),
  );
  const tasks = await Promise.all(sets.flat().map((id) => engine.tasks.find(tenant.name, id)));
  const { items } = await tenant.list();
  return {
    keys: keys.filter((key) => !/^waymark:(once|fence|queue:rate):/.test(key)).toSorted(),
    indexed: await members('document_workflow_index:updated'),
    workflows: items.map(({ id, version }) => [id, version]),
    sets: sets.map((ids) => ids.toSorted()),
    tasks: tasks.map((task) => [task?.id, task?.status]),
  };
}

/** All tasks that can still be claimed, and the dead ones. */
async function whereTasksAre({ engine, tenant, queue }: Scene): Promise<unknown> {
  const claimed = [...(await queue.takeIds(10)), ...(await queue.takeIds(10))];
  const dead = await engine.tasks.listDead(tenant.name, 'q', 100);
  return { claimed: claimed.toSorted(), dead: dead.map(({ id }) => id) };
}

/** The same when all leases and delays are over. */
async function allTasks(scene: Scene): Promise<unknown> {
  scene.clock.advance(HOUR);
  await scene.engine.sweep();
  return whereTasksAre(scene);
}

const sweeping = (
  script: string,
  prepare: (scene: Scene) => Promise<unknown>,
  aim: HealingCase['aim'] = leftOf,
): HealingCase => ({
  script,
  of: async (scene) => {
    await prepare(scene);
    return () => {
      // A tenant that was taken is taken again a while later.
      scene.clock.advance(2 * MINUTE);
      return scene.engine.sweep();
    };
  },
  aim,
});

const message = { channel: 'c', type: 'said', payload: '1' };

const CASES: Readonly<Record<string, Case>> = {
  'a put that creates a workflow': {
    script: 'requests',
    of:
      async ({ tenant }) =>
      () =>
        tenant.put('w', { status: 'new' }, { ttl: HOUR }),
  },
  'a put that makes the next version': {
    script: 'requests',
    of: async (scene) => {
      await prepared(scene);
      return () => scene.tenant.put('w', { status: 'done' }, { ttl: HOUR });
    },
  },
  'a patch': {
    script: 'requests',
    of: async (scene) => {
      await prepared(scene);
      return () => scene.tenant.patch('w', append('list', 1));
    },
  },
  'a touch': {
    script: 'requests',
    of: async (scene) => {
      await prepared(scene);
      return () => scene.tenant.touch('w', 2 * HOUR);
    },
  },
  'a delete': {
    script: 'requests',
    of: async (scene) => {
      await prepared(scene);
      return () => scene.tenant.delete('w');
    },
  },
  'a commit with all kinds of parts': {
    script: 'requests',
    of: async (scene) => {
      await prepared(scene);
      await scene.tenant.put('gone', {});
      await scene.tenant.put('touched', {});
      await scene.tenant.put('patched', { list: [] });
      const { id: taskId, token } = await claimed(scene);
      return () =>
        scene.tenant.commit({
          ack: { taskId, token, result: '{"r":1}' },
          puts: [put('w', { status: 'next' }, { ttl: HOUR })],
          patches: [patch('patched', append('list', 1))],
          deletes: [remove('gone')],
          touches: [touch('touched', HOUR)],
          enqueue: [newTask('q', { workflowId: 'w', dedupe: { key: 'd', keepMs: HOUR } }), newTask('other')],
          publish: [message],
          cancelTasksOf: ['w'],
          claim: claimOf('q'),
        });
    },
  },
  'a message and a board': {
    script: 'requests',
    of: async ({ tenant }) => {
      const board = { board: 'b', add: { n: 1 }, notices: [{ name: 'a', text: 't', keepMs: HOUR }], entries: ['e'] };
      return () => tenant.commit({ publish: [message], board });
    },
  },
  'a conflict record': {
    script: 'requests',
    of: async ({ engine, tenant }) => {
      const about = { by: 'x', cause: 'put', changed: null } as const;
      const record = {
        id: 'w',
        is: 'state',
        etag: '"detached-x-1"',
        base: { kind: 'unknown' },
        about,
        writtenAtMs: 1,
        deadlineMs: null,
        reason: 'VERSION_CONFLICT',
        enqueue: [],
        publish: [],
      } as const;
      return () => engine.keepConflicts(tenant.name, once(), [{ record, keepMs: HOUR, state: '{}' }]);
    },
  },
  'a claim, which also ends an expired lease': {
    script: 'requests',
    of: async (scene) => {
      await prepared(scene);
      await scene.queue.enqueueSome(3);
      return () => scene.engine.tasks.claim(scene.tenant.name, claimOf('q', 2), randomUUID());
    },
  },
  'an acknowledgement': {
    script: 'requests',
    of: async (scene) => {
      const { id: taskId, token } = await claimed(scene);
      return () => scene.tenant.commit({ ack: { taskId, token, result: '1' } });
    },
  },
  ...Object.fromEntries(
    (['extend', 'progress', 'fail', 'release', 'cancel'] as const).map((kind) => [
      `a step: ${kind}`,
      {
        script: 'requests',
        of: async (scene: Scene) => {
          const { id, token } = await claimed(scene);
          const error = { code: 'E', message: 'failed' };
          const step = {
            extend: { kind: 'extend', id, token, leaseMs: HOUR },
            progress: { kind: 'progress', id, token, event: '1' },
            fail: { kind: 'fail', id, token, error, isRetryable: true, jitter: 1 },
            release: { kind: 'release', id, token },
            cancel: { kind: 'cancel', id, reason: 'r', isForced: true },
          } as const;
          return () => scene.engine.tasks.step(scene.tenant.name, step[kind], once());
        },
      },
    ]),
  ),
  'a replay of dead tasks': {
    script: 'requests',
    of: async (scene) => {
      await dead(scene);
      const options = { resetAttempts: true, spreadMs: 0 };
      return () => scene.engine.tasks.replayDead(scene.tenant.name, 'q', { max: 10 }, options, once());
    },
  },
  'a pause of a queue': {
    script: 'pause-queue',
    of:
      async ({ engine, tenant }) =>
      () =>
        engine.tasks.pause(tenant.name, 'q', true),
  },
  'a moved workflow': moving(
    'move-workflow',
    async ({ engine, tenant }, { workflow }) =>
      () =>
        engine.moving.put(tenant.name, workflow, FAIL),
  ),
  'a piece of a moved long history': moving(
    'stage-history',
    async ({ engine, tenant }, { workflow }) =>
      () =>
        engine.moving.put(tenant.name, withLongHistory(workflow, 5, MIB - 1024), FAIL),
  ),
  'a moved workflow with a long history': {
    ...moving(
      'move-workflow',
      async ({ engine, tenant }, { workflow }) =>
        () =>
          engine.moving.put(tenant.name, withLongHistory(workflow, HISTORY_PIECE_ENTRIES + 1, 1), FAIL),
    ),
    // A dry run.
    skipped: 1,
  },
  'a moved workflow in place of another one': moving('move-workflow', async ({ engine, tenant }, { workflow }) => {
    await tenant.put('w', { status: 'other' });
    const options = { onConflict: 'fail', replaces: stampOf(await readWorkflow(engine, tenant.name, 'w')) } as const;
    return () => engine.moving.put(tenant.name, workflow, options);
  }),
  'a removal of a moved workflow': moving('move-workflow', async ({ engine, tenant }, { workflow }) => {
    await engine.moving.put(tenant.name, workflow, FAIL);
    return () => engine.moving.remove(tenant.name, 'workflow', 'w', stampOf(workflow));
  }),
  'a moved task': moving(
    'move-task',
    async ({ engine, tenant }, { task }) =>
      () =>
        engine.moving.put(tenant.name, task, FAIL),
  ),
  'a moved task that has ended': moving(
    'move-task',
    async ({ engine, tenant, clock }, { task }) =>
      () =>
        engine.moving.put(
          tenant.name,
          { ...task, status: 'done', endedAtMs: clock.ms, keptUntilMs: clock.ms + HOUR, result: '1' },
          FAIL,
        ),
  ),
  'a removal of a moved task': moving('move-task', async ({ engine, tenant }, { task }) => {
    await engine.moving.put(tenant.name, task, FAIL);
    return () => engine.moving.remove(tenant.name, 'task', 'a', stampOf(task));
  }),
  'a moved queue': {
    script: 'move-queue',
    of:
      async ({ engine, tenant }) =>
      () =>
        engine.moving.put(tenant.name, { kind: 'queue', id: 'q', isPaused: true }, FAIL),
  },
  'a moved board': {
    script: 'move-board',
    of: async ({ engine, tenant, clock }) => {
      const notices = [{ name: 'a', text: 't', untilMs: clock.ms + HOUR }];
      const board = { kind: 'board', id: 'b', counts: { n: 1 }, notices, entries: ['e'] } as const;
      return () => engine.moving.put(tenant.name, board, FAIL);
    },
  },
  'a moved outcome': {
    script: 'move-outcome',
    of: async ({ engine, tenant, clock }) => {
      const outcome = { is: 'commit', workflows: [], tasks: [], eventIds: [], claimed: [] } as const;
      const moved = { key: 'k', fingerprint: 'f', untilMs: clock.ms + HOUR, outcome };
      return () => engine.moving.putOutcome(tenant.name, moved);
    },
  },
  'a purge of dead tasks': {
    script: 'requests',
    of: async (scene) => {
      await dead(scene);
      return () => scene.engine.tasks.purgeDead(scene.tenant.name, 'q', { max: 10 }, once());
    },
  },
};

const HEALING: Readonly<Record<string, HealingCase>> = {
  'an adoption': {
    script: 'adopt',
    of: async ({ engine, tenant, direct, prefix }) => {
      await direct.set(`${prefix}document_workflow:w`, '{"status":"old"}', 'PX', HOUR);
      return () => engine.adopt(tenant.name, 'w');
    },
    aim: async (scene) => [await leftOf(scene), await scene.tenant.ids({ filter: { fields: { status: 'old' } } })],
  },
  'an adoption of a value in place of ours': {
    script: 'adopt',
    of: async (scene) => {
      const { engine, tenant, direct, prefix } = scene;
      await prepared(scene);
      await direct.set(`${prefix}document_workflow:w`, '{"status":"old"}', 'PX', HOUR);
      return () => engine.adopt(tenant.name, 'w');
    },
    // If only a deadline is missing, the next run takes the value for another new one: its version is higher by one.
    aim: ({ tenant }) => tenant.ids({ filter: { fields: { status: 'old' } } }),
  },
  'a sweep of expired workflows': sweeping('sweep', async ({ tenant, clock }) => {
    await tenant.put('stays', { status: 'open' });
    await tenant.put('w1', { status: 'open' }, { ttl: MINUTE });
    await tenant.put('w1', { status: 'done' }, { ttl: MINUTE });
    await tenant.put('w2', { status: 'open' }, { ttl: MINUTE });
    clock.advance(HOUR);
  }),
  'a sweep of a queue': sweeping(
    'sweep-queues',
    async ({ queue, clock }) => {
      await queue.enqueue({ id: 'delayed', start: { delayMs: MINUTE } });
      await queue.enqueue({ id: 'retried', maxAttempts: 2, priority: 1 });
      await queue.enqueue({ id: 'dies', maxAttempts: 1, priority: 1 });
      await queue.enqueue({ id: 'late', limitMs: MINUTE });
      await queue.claim(2);
      clock.advance(HOUR);
    },
    whereTasksAre,
  ),
  'a sweep of a queue with old dead tasks': sweeping('sweep-queues', async (scene) => {
    await dead(scene);
    scene.clock.advance(testOptions.tasks.deadMs + HOUR);
  }),
  'a read of tasks whose leases are over': {
    script: 'end-leases',
    of: async ({ engine, tenant, queue, clock }) => {
      const workflowId = 'w';
      await tenant.put(workflowId, {});
      await queue.enqueue({ id: 'back', workflowId });
      await queue.enqueue({ id: 'dies', workflowId, maxAttempts: 1 });
      await queue.claim(2);
      clock.advance(HOUR);
      return () => engine.tasks.listOfWorkflow(tenant.name, workflowId, 10);
    },
    aim: allTasks,
  },
  // Calls whose outcome is unknown, and that are repeated: no task is lost.
  'a claim': {
    script: 'requests',
    of: async ({ queue, clock }) => {
      await queue.enqueue({ id: 'delayed', start: { delayMs: MINUTE } });
      await queue.enqueueSome(1, { id: 'ready' });
      await queue.enqueue({ id: 'leased', priority: 1 });
      await queue.claim(1);
      clock.advance(HOUR);
      return () => queue.claim(2).catch(() => undefined);
    },
    aim: allTasks,
  },
  ...Object.fromEntries(
    (['fail', 'release'] as const).map((kind): [string, HealingCase] => [
      `a step: ${kind}`,
      {
        script: 'requests',
        of: async ({ queue }) => {
          await queue.enqueue({ id: 'a' });
          const { id, token } = await queue.take();
          const error = { code: 'E', message: 'failed' };
          const step = kind === 'fail' ? { kind, id, token, error, isRetryable: true, jitter: 1 } : { kind, id, token };
          return () => queue.step(step, { key: 'once' }).catch(() => undefined);
        },
        aim: allTasks,
      },
    ]),
  ),
  'an announcement of writes': {
    script: 'activate-tenants',
    of: async ({ engine, tenant, clock }) => {
      clock.advance(HOUR);
      await engine.sweep();
      return () => tenant.put('w', {}, { expect: { exists: false } }).catch(() => undefined);
    },
    aim: async (scene) => [await leftOf(scene), await scene.engine.moving.listTenants()],
  },
  'the first contact with a tenant': {
    script: 'begin-epoch',
    of: async ({ engine, tenant, direct }) => {
      await direct.flushall();
      return () => new TestTenant(engine, `${tenant.name}-new`).put('w', {});
    },
    aim: leftOf,
  },
  'the begin of a sweep': sweeping('due-tenants', ({ tenant }) => tenant.put('w', {}, { ttl: MINUTE })),
  'the end of a sweep': sweeping(
    'settle-tenants',
    ({ tenant }) => tenant.put('w', {}, { ttl: MINUTE }),
    async (scene) => [await leftOf(scene), await scene.engine.moving.listTenants()],
  ),
};

describe('A script of which the n-th write fails (invariant 39)', () => {
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

  /** An engine with a namespace of its own, and a scene in each of its tenants. */
  async function open() {
    const namespace = `ns-${randomUUID()}`;
    const connections = new RedisConnections(configFor(redis.port, namespace));
    await connections.open();
    const clock = new TestClock();
    const parts = { options: testOptions, index: testIndex, namespace, clock: clock.read };
    const engine = new RedisEngine(connections, parts);
    const sceneOf = async (name: string): Promise<Scene> => {
      const tenant = new TestTenant(engine, name);
      // The first message names the epoch of the feed. That write may fail; see feed-epoch.lua.
      await tenant.commit({ publish: [message] });
      const queue = new TestQueue(engine, name);
      return { engine, clock, direct, prefix: prefixOf(namespace, name), tenant, queue };
    };
    return {
      sceneOf,
      failpoints: new Failpoints(connections, namespace),
      async close() {
        await engine.close();
        await connections.close();
      },
    };
  }

  it.each(Object.entries(CASES))(
    'has changed nothing, or says that it may have: %s',
    async (_, { script, skipped, of }) => {
      const { sceneOf, failpoints, close } = await open();
      const broken: unknown[] = [];
      let n = 0;
      try {
        for (n = 1; n < MAX_WRITES; n++) {
          const call = await of(await sceneOf(`t${n}`));
          failpoints.arm(script, n, skipped);
          const code = await codeOf(call());
          failpoints.disarm();
          const [failed] = failpoints.failed;
          if (failed === undefined) break;
          const { command, changed } = failed;
          const isProbed = code === 'ok' && PROBES.includes(command);
          if (!isProbed && (code === 'ok' || (changed.length > 0 && code !== 'OUTCOME_UNKNOWN')))
            broken.push({ n, command, code, changed });
        }
      } finally {
        await close();
      }
      expect(broken).toEqual([]);
      expect(n).toBeGreaterThan(1);
      expect(n).toBeLessThan(MAX_WRITES);
    },
  );

  it.each(Object.entries(HEALING))('is healed by the next run: %s', async (_, { script, of, aim }) => {
    const reached: unknown[] = [];
    let isFailing = true;
    for (let n = 1; isFailing && n < MAX_WRITES; n++) {
      const { sceneOf, failpoints, close } = await open();
      try {
        const scene = await sceneOf('t');
        const call = await of(scene);
        failpoints.arm(script, n);
        await codeOf(call());
        failpoints.disarm();
        isFailing = failpoints.failed.length > 0;
        await call();
        reached.push(await aim(scene));
      } finally {
        await close();
      }
    }
    // The last one had no failure.
    expect(isFailing).toBe(false);
    expect(reached.length).toBeGreaterThan(1);
    for (const after of reached) expect(after).toEqual(reached.at(-1));
  });
});

function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error: unknown) => (error instanceof ServiceError ? error.code : String(error)),
  );
}
