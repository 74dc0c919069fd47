import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { ServiceError } from '../../src/service-error.js';
import { Failpoints } from '../support/failpoints.js';
import { append } from '../support/edits.js';
import { once, patch, put, remove, testIndex, touch } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { claimOf, newTask, TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { testOptions } from './engine-under-test.js';
import { configFor } from './redis-under-test.js';

Logger.overrideLogger(false);

/** Far above the writes of any script here. */
const MAX_WRITES = 200;
const HOUR = 3_600_000;

/**
 * Writes that change nothing: a script asks with them whether the server has memory; see writing.lua. If one fails for
 * another reason, the script goes on.
 */
const PROBES = ['SETRANGE', 'XDEL'];

interface Scene {
  readonly engine: RedisEngine;
  readonly tenant: TestTenant;
  readonly queue: TestQueue;
}

interface Case {
  /** Name of the last file of the script. */
  readonly script: string;
  /** Prepares the data; returns the call that fails. */
  readonly of: (scene: Scene) => Promise<() => Promise<unknown>>;
}

/** A workflow with two versions, in the index, with an open task. */
async function prepared({ tenant, queue }: Scene): Promise<void> {
  await tenant.put('w', { status: 'new', list: [] }, { ttl: HOUR });
  await tenant.put('w', { status: 'open', list: [] }, { ttl: HOUR });
  await queue.enqueue({ workflowId: 'w' });
}

async function claimed({ engine, tenant, queue }: Scene) {
  await queue.enqueue({ workflowId: 'w' });
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
  'a purge of dead tasks': {
    script: 'requests',
    of: async (scene) => {
      await dead(scene);
      return () => scene.engine.tasks.purgeDead(scene.tenant.name, 'q', { max: 10 }, once());
    },
  },
};

describe('A script of which the n-th write fails', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  afterAll(() => redis.stop());

  it.each(Object.entries(CASES))('has changed nothing, or says that it may have: %s', async (_, { script, of }) => {
    const namespace = `ns-${randomUUID()}`;
    const connections = new RedisConnections(configFor(redis.port, namespace));
    await connections.open();
    const engine = new RedisEngine(connections, { options: testOptions, index: testIndex, namespace });
    const failpoints = new Failpoints(connections, namespace);
    const broken: unknown[] = [];
    let n = 0;
    try {
      for (n = 1; n < MAX_WRITES; n++) {
        const tenant = new TestTenant(engine, `t${n}`);
        // The first message names the epoch of the feed. That write may fail; see feed-epoch.lua.
        await tenant.commit({ publish: [message] });
        const call = await of({ engine, tenant, queue: new TestQueue(engine, tenant.name) });
        failpoints.arm(script, n);
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
      await engine.close();
      await connections.close();
    }
    expect(broken).toEqual([]);
    expect(n).toBeGreaterThan(1);
    expect(n).toBeLessThan(MAX_WRITES);
  });
});

function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error: unknown) => (error instanceof ServiceError ? error.code : String(error)),
  );
}
