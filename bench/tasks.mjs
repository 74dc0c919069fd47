// Claims and completions per second: the engine, the service over HTTP, and BullMQ as the peer.
import { Logger } from '@nestjs/common';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { built, openRedisEngine, OPTIONS } from './engines.mjs';
import { median as medianOf } from './measure.mjs';
import { residentBytes, startRedis, startService } from './processes.mjs';

const PEER = 'BullMQ: worker';
const AT_ONCE = 32;
const BATCH = 50;
const PAYLOAD = JSON.stringify({ text: 'x'.repeat(245) });
const LIMITS = {
  maxOpen: 10_000_000,
  maxBytes: 2 ** 30,
  resultMs: 60_000,
  progressMs: 60_000,
  deadMs: 60_000,
  maxDead: 1000,
};
let made = 0;

/** Runs `atOnce` loops that take work until `count` is done. */
async function share(count, atOnce, work) {
  let left = count;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        const size = Math.min(left, work.size ?? 1);
        left -= size;
        const done = await work.run(size);
        left += size - done;
      }
    }),
  );
}

async function perSecond(count, run) {
  const started = performance.now();
  await run();
  return (count / (performance.now() - started)) * 1000;
}

const onceOf = (key, keepMs = 30_000) => ({ key, fingerprint: '', keepMs });

async function openEngine(port) {
  const { WorkflowIndex } = await built('workflow-index.js');
  return openRedisEngine(port, new WorkflowIndex([]), { ...OPTIONS, tasks: LIMITS });
}

function newTask(queue) {
  return {
    id: `bench-${++made}`,
    queue,
    payload: PAYLOAD,
    headers: '{}',
    priority: 5,
    start: { delayMs: 0 },
    maxAttempts: 4,
    backoffMs: [5000],
    leaseMs: 60_000,
    limitMs: null,
    expires: { afterDueMs: 86_400_000 },
  };
}

async function fill(engine, queue, count) {
  await share(count, 8, {
    size: 100,
    async run(size) {
      const enqueue = Array.from({ length: size }, () => newTask(queue));
      await engine.commit('default', { once: onceOf(`fill-${++made}`), enqueue });
      return size;
    },
  });
}

/** The once key that routes use for a request without an Idempotency-Key. */
const leaseOnceOf = (token) => ({ ...onceOf(`ack-${token}`), isLease: true });

const claimOf = (queue, count) => ({
  queue,
  worker: 'bench',
  leaseMs: undefined,
  tokens: Array.from({ length: count }, () => `token-${++made}`),
});

/** Like a worker of either side: completes a task and claims the next one in the same step. */
async function throughEngine(engine, count) {
  await fill(engine, 'engine', count);
  const slot = async () => {
    let [task] = (await engine.tasks.claim('default', claimOf('engine', 1), `claim-${++made}`)).tasks;
    while (task !== undefined) {
      const { id, token } = task;
      const ack = { taskId: id, token, result: 'null' };
      const outcome = await engine.commit('default', {
        once: leaseOnceOf(token),
        ack,
        claim: claimOf('engine', 1),
      });
      task = outcome.next;
    }
  };
  return perSecond(count, () => Promise.all(Array.from({ length: AT_ONCE }, slot)));
}

/** One claim and one completion per task. */
async function byHand(engine, count) {
  await fill(engine, 'engine', count);
  return perSecond(count, () =>
    share(count, AT_ONCE, {
      async run() {
        const { tasks } = await engine.tasks.claim('default', claimOf('engine', 1), `claim-${++made}`);
        for (const { id, token } of tasks) {
          const ack = { taskId: id, token, result: 'null' };
          await engine.commit('default', { once: leaseOnceOf(token), ack });
        }
        return tasks.length;
      },
    }),
  );
}

/** One commit per step: completes the task, writes the state, enqueues the next task and claims it. */
async function stepCommits(engine, count) {
  const flows = Array.from({ length: AT_ONCE }, (_, n) => `flow-${n}`);
  const about = { by: 'bench', cause: 'commit', changed: null };
  const put = (id, n) => ({ id, incarnation: 'bench', state: `{"n":${n}}`, index: {}, ttl: 86_400_000, about });
  const steps = Math.ceil(count / flows.length);
  return perSecond(steps * flows.length, () =>
    Promise.all(
      flows.map(async (id) => {
        const queue = `steps-${id}`;
        const first = await engine.commit('default', {
          once: onceOf(`first-${++made}`),
          enqueue: [newTask(queue)],
          claim: claimOf(queue, 1),
        });
        let task = first.next;
        for (let n = 0; n < steps; n++) {
          const { next } = await engine.commit('default', {
            once: onceOf(`step-${++made}`),
            ack: { taskId: task.id, token: task.token, result: 'null' },
            puts: [put(id, n)],
            enqueue: [newTask(queue)],
            claim: claimOf(queue, 1),
          });
          task = next;
        }
      }),
    ),
  );
}

async function overHttp(service, engine, count, isBatched) {
  await fill(engine, 'http', count);
  const post = async (path, body) => {
    const answer = await fetch(service.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: answer.status === 200 ? await answer.json() : await answer.text() };
  };
  const completeAll = async (tasks) => {
    const { json } = await post('/v1/tasks/batch-complete', {
      tasks: tasks.map(({ id, leaseToken }) => ({ id, leaseToken, result: null })),
    });
    return json.tasks.filter(({ status }) => status === 'done').length;
  };
  const completeOneByOne = async (tasks) => {
    const answers = await Promise.all(
      tasks.map(({ id, leaseToken }) => post(`/v1/tasks/${id}/complete`, { leaseToken, result: null })),
    );
    return answers.filter(({ status }) => status === 200).length;
  };
  const complete = isBatched ? completeAll : completeOneByOne;
  return perSecond(count, () =>
    share(count, 4, {
      size: BATCH,
      async run(size) {
        const { status, json } = await post('/v1/queues/http/claims', { max: size });
        const tasks = status === 200 ? json.tasks : [];
        if (tasks.length > 0) {
          const done = await complete(tasks);
          if (done !== tasks.length) throw new Error(`${tasks.length - done} completions were refused`);
        }
        return tasks.length;
      },
    }),
  );
}

// BullMQ does not close connections that it was given.
const lent = new Set();

function bullConnection(port) {
  const redis = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null });
  lent.add(redis);
  return redis;
}

async function fillBull(queue, count) {
  const data = JSON.parse(PAYLOAD);
  for (let at = 0; at < count; at += 500) {
    const size = Math.min(500, count - at);
    await queue.addBulk(
      Array.from({ length: size }, () => ({
        name: 'bench',
        data,
        opts: { removeOnComplete: { age: 60 }, attempts: 4 },
      })),
    );
  }
}

async function bullWorker(port, count) {
  const queue = new Queue('bull-worker', { connection: bullConnection(port) });
  await fillBull(queue, count);
  let done = 0;
  const rate = await perSecond(
    count,
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(
          'bull-worker',
          async () => {
            if (++done === count) setImmediate(() => worker.close().then(resolve, reject));
            return null;
          },
          { connection: bullConnection(port), concurrency: AT_ONCE },
        );
        worker.on('error', reject);
      }),
  );
  await queue.obliterate({ force: true });
  await queue.close();
  return rate;
}

/** BullMQ's manual mode: jobs are fetched and completed one by one, as a service in between would. */
async function bullManual(port, count) {
  const queue = new Queue('bull-manual', { connection: bullConnection(port) });
  await fillBull(queue, count);
  const worker = new Worker('bull-manual', null, { connection: bullConnection(port), autorun: false });
  await worker.waitUntilReady();
  const rate = await perSecond(count, () =>
    share(count, AT_ONCE, {
      async run() {
        const token = `token-${++made}`;
        const job = await worker.getNextJob(token, { block: false });
        if (!job) return 0;
        await job.moveToCompleted(null, token, false);
        return 1;
      },
    }),
  );
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return rate;
}

/** Cost of scripts with a million waiting tasks, and memory per task. */
async function million(engine, redis, count) {
  const watcher = bullConnection(Number(new URL(redis.url).port));
  await watcher.flushall();
  await watcher.script('FLUSH');
  const memory = async () => Number(/used_memory:(\d+)/.exec(await watcher.info('memory'))[1]);
  const before = await memory();
  await fill(engine, 'million', count);
  const bytes = ((await memory()) - before) / count;
  await watcher.config('SET', 'slowlog-log-slower-than', '10000');
  await watcher.slowlog('RESET');
  for (let n = 0; n < 200; n++) {
    const { tasks } = await engine.tasks.claim('default', claimOf('million', BATCH), `claim-${++made}`);
    for (const [i, { id, token }] of tasks.entries()) {
      const once = onceOf(`m-${token}`);
      if (i % 3 === 0) await engine.commit('default', { once, ack: { taskId: id, token, result: 'null' } });
      else if (i % 3 === 1) await engine.tasks.step('default', { kind: 'release', id, token }, once);
      else await engine.tasks.step('default', { kind: 'extend', id, token, leaseMs: 60_000 }, once);
    }
    await engine.commit('default', {
      once: onceOf(`e-${++made}`),
      enqueue: Array.from({ length: 100 }, () => newTask('million')),
    });
    await engine.tasks.findQueue('default', 'million');
  }
  await engine.sweep();
  const slow = (await watcher.slowlog('GET', 128)).map(([, , micros]) => Math.round(micros / 1000));
  await watcher.quit();
  return { bytes, slow };
}

export async function benchTasks({ rounds, count, waiting }) {
  Logger.overrideLogger(false);
  const redis = await startRedis();
  redis.url = `redis://127.0.0.1:${redis.port}`;
  const { engine, close } = await openEngine(redis.port);
  const service = await startService({ REDIS_URL: redis.url, QUEUE_MAX_TASKS: '10000000' });
  // Ordered so that the most closely compared plans run one after the other.
  const plans = {
    'engine: complete + claim the next': () => throughEngine(engine, count),
    [PEER]: () => bullWorker(redis.port, count),
    'engine: claim, then complete': () => byHand(engine, count),
    'BullMQ: by hand': () => bullManual(redis.port, count),
    'engine: step commits': () => stepCommits(engine, count),
    'HTTP: claims and completions of 50': () => overHttp(service, engine, count, true),
    'HTTP: claims of 50, completed singly': () => overHttp(service, engine, count, false),
  };
  const rates = Object.fromEntries(Object.keys(plans).map((name) => [name, []]));
  const cleaner = bullConnection(redis.port);
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(plans)) {
      // Keys left by one plan must not burden the next one.
      await cleaner.flushall();
      const rate = await run();
      // The first round warms up.
      if (round > 0) rates[name].push(rate);
    }
  }
  const results = [];
  for (const [name, measured] of Object.entries(rates)) {
    const rate = medianOf(measured);
    // Ratios within a round, because the machine's speed changes between rounds.
    const ratios = measured.map((one, i) => one / rates[PEER][i]).toSorted((x, y) => x - y);
    const ratio = medianOf(ratios);
    results.push({ name, rate, ratio });
    const range = `${ratios.at(0).toFixed(2)} to ${ratios.at(-1).toFixed(2)}`;
    process.stdout.write(
      `tasks    ${name.padEnd(36)} ${Math.round(rate)} per second  ${ratio.toFixed(2)} × BullMQ's worker (${range})\n`,
    );
  }
  const { bytes, slow } = await million(engine, redis, waiting);
  process.stdout.write(
    `tasks    ${waiting} waiting, 256 B of payload: ${Math.round(bytes)} B of Redis each; ${slow.length} calls over 10 ms${slow.length > 0 ? ` (${slow.join(', ')})` : ''}; ` +
      `resident ${Math.round(residentBytes(redis.pid) / 1024 / 1024)} MB\n`,
  );
  for (const redisOfPeer of lent) redisOfPeer.disconnect();
  await service.stop();
  await close();
  await redis.stop();
  return [...results, { name: 'waiting', bytes, slow }];
}
