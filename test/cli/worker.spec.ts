import { afterEach, describe, expect, it } from '@jest/globals';
import {
  LeaseExpiredError,
  LeaseLostError,
  TaskCancelledError,
  TaskFailure,
  UnreachableError,
  WaymarkClient,
  Worker,
  WorkerStoppedError,
  type Handler,
  type TaskContext,
  type WorkerEvent,
  type WorkerOptions,
} from '../../src/client/index.js';
import { until } from '../support/until.js';
import { FakeService, ok, problem, type Asked, type Reply } from './fake-service.js';

const taskOf = (n: number) => ({ id: `t-${n}`, leaseToken: `token-${n}`, attempt: 1, payload: n, headers: {} });
/** Long enough for a heartbeat to be answered on a busy machine: an attempt has a third of it. */
const LEASE_MS = 1500;
const renewed = ok({ leaseExpiresAt: null, cancelRequested: false });

type Routes = Partial<Record<string, (asked: Asked) => Reply | undefined>>;

interface BenchOptions extends Partial<WorkerOptions> {
  readonly giveUpAfterMs?: number;
}

/** A worker on a queue with `tasks` tasks, over a service whose routes can be replaced. */
class Bench {
  readonly events: WorkerEvent[] = [];
  readonly worker: Worker;
  readonly done: Promise<void>;
  /** Tasks that the handler got. */
  started = 0;
  #given = 0;

  private constructor(
    readonly service: FakeService,
    handler: Handler,
    { giveUpAfterMs = 5000, ...options }: BenchOptions,
  ) {
    const client = new WaymarkClient({ url: service.url, retry: { firstMs: 1, maxMs: 4, giveUpAfterMs } });
    const counted: Handler = (task, context) => {
      this.started++;
      return handler(task, context);
    };
    const onEvent = (event: WorkerEvent) => this.events.push(event);
    this.worker = new Worker(client, { queue: 'q', worker: 'w-1', handler: counted, waitMs: 50, onEvent, ...options });
    this.done = this.worker.run();
    // The case reads the outcome later.
    this.done.catch(() => undefined);
    benches.push(this);
  }

  static async start(
    tasks: number,
    handler: Handler,
    { routes = {}, ...options }: BenchOptions & { readonly routes?: Routes } = {},
  ): Promise<Bench> {
    const answered: { bench?: Bench } = {};
    const service = await FakeService.start((asked) => {
      const route = asked.path.split('/').at(-1) as string;
      return routes[route]?.(asked) ?? (answered.bench as Bench).#answer(route, asked, tasks);
    });
    answered.bench = new Bench(service, handler, options);
    return answered.bench;
  }

  #answer(route: string, { body }: Asked, tasks: number): Reply {
    if (route === 'heartbeat') return renewed;
    if (route !== 'claims') return ok({ status: 'done', cancelRequested: false });
    const count = Math.min(body.max, tasks - this.#given);
    if (count === 0) return { status: 204 };
    return ok({ tasks: Array.from({ length: count }, () => taskOf(++this.#given)) });
  }

  /** Stops the worker as on SIGTERM. */
  async stop(timeoutMs = 10_000): Promise<void> {
    this.worker.stop(timeoutMs);
    await this.done;
  }

  ended(count: number): Promise<void> {
    return until(() => this.events.length >= count, `${count} tasks ended`);
  }

  busy(count: number): Promise<void> {
    return until(() => this.started >= count, `${count} tasks are under way`);
  }

  get ends(): (readonly [id: string, kind: string])[] {
    return this.events.map(({ task, kind }) => [task.id, kind] as const);
  }
}

const benches: Bench[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) {
    bench.worker.stop(0);
    await bench.done.catch(() => undefined);
    await bench.service.stop();
  }
});

/** A handler that ends when its signal is aborted, with the reason. */
const untilAborted =
  (reasons: unknown[]): Handler =>
  (_, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason);
        reject(signal.reason as Error);
      });
    });

describe('a worker', () => {
  it('completes each task with what its handler returns', async () => {
    const bench = await Bench.start(2, async ({ payload }) => ({ twice: Number(payload) * 2 }));
    await bench.ended(2);
    await bench.stop();
    expect(bench.ends).toEqual([
      ['t-1', 'done'],
      ['t-2', 'done'],
    ]);
    expect(bench.service.askedFor('/complete').map(({ body }) => body)).toEqual([
      { leaseToken: 'token-1', result: { twice: 2 } },
      { leaseToken: 'token-2', result: { twice: 4 } },
    ]);
  });

  it('claims as many as it has free hands, each claim under a name of its own', async () => {
    const finish: (() => void)[] = [];
    const bench = await Bench.start(7, () => new Promise((resolve) => finish.push(() => resolve(null))), {
      concurrency: 3,
    });
    await until(() => finish.length === 3, 'three tasks are under way');
    expect(bench.service.askedFor('/claims').map(({ body }) => body.max)).toEqual([3]);
    finish[0]?.();
    await until(() => finish.length === 4, 'another one was claimed');
    const claims = bench.service.askedFor('/claims');
    expect(claims.map(({ body }) => body)).toEqual([
      { worker: 'w-1', leaseMs: 30_000, max: 3, waitMs: 50 },
      { worker: 'w-1', leaseMs: 30_000, max: 1, waitMs: 50 },
    ]);
    expect(new Set(claims.map(({ headers }) => headers['claim-id'])).size).toBe(2);
    finish.forEach((end) => end());
  });

  it('repeats a claim whose answer was lost under the same Claim-Id', async () => {
    let lost = 0;
    const bench = await Bench.start(1, async () => null, {
      routes: { claims: () => (lost++ < 2 ? 'cut' : undefined) },
    });
    await bench.ended(1);
    await bench.stop();
    const ids = bench.service.askedFor('/claims').map(({ headers }) => headers['claim-id']);
    expect(new Set(ids.slice(0, 3)).size).toBe(1);
  });

  it('renews leases at a third of their time, for as long as the work takes', async () => {
    let isOver = false;
    const leaseMs = 900;
    const bench = await Bench.start(1, () => until(() => isOver, 'told to end'), { leaseMs });
    await until(() => bench.service.askedFor('/heartbeat').length >= 4, 'four heartbeats');
    isOver = true;
    await bench.ended(1);
    const beats = bench.service.askedFor('/heartbeat');
    expect(beats[0]?.body).toEqual({ leaseToken: 'token-1', leaseMs });
    beats.slice(1).forEach(({ at }, i) => expect(at - (beats[i] as Asked).at).toBeGreaterThan(200));
    expect(bench.ends).toEqual([['t-1', 'done']]);
  });

  it('aborts a handler whose lease has passed without an answer, and gives the task back', async () => {
    const reasons: unknown[] = [];
    const ends: number[] = [];
    let isAway = true;
    const bench = await Bench.start(
      1,
      (task, context) => {
        ends.push(context.leaseUntil);
        context.signal.addEventListener('abort', () => {
          ends.push(performance.now());
          isAway = false;
        });
        return untilAborted(reasons)(task, context);
      },
      { leaseMs: 60, routes: { heartbeat: () => (isAway ? 'cut' : undefined) } },
    );
    await bench.ended(1);
    expect(reasons).toEqual([expect.any(LeaseExpiredError)]);
    const [leaseUntil = Infinity, abortedAt = 0] = ends;
    expect(abortedAt).toBeGreaterThanOrEqual(leaseUntil);
    expect(bench.ends).toEqual([['t-1', 'released']]);
    expect(bench.service.askedFor('/release').map(({ body }) => body)).toEqual([{ leaseToken: 'token-1' }]);
  });

  it('tells its handler until when the lease is confirmed, counted from when the renewal was asked for', async () => {
    const untils: number[] = [];
    const bench = await Bench.start(
      1,
      async (_, context) => {
        untils.push(context.leaseUntil);
        await until(() => context.leaseUntil > (untils[0] as number), 'a heartbeat was answered');
        untils.push(context.leaseUntil);
      },
      { leaseMs: LEASE_MS },
    );
    await bench.ended(1);
    const [beat] = bench.service.askedFor('/heartbeat');
    expect(untils[1]).toBeLessThanOrEqual((beat as Asked).at + LEASE_MS);
    expect(bench.ends).toEqual([['t-1', 'done']]);
  });

  it('goes on working while heartbeats are not answered, if its handler may run twice', async () => {
    let isAway = true;
    const bench = await Bench.start(1, () => until(() => !isAway, 'the service is back'), {
      leaseMs: 60,
      abortsWhenExpired: false,
      routes: { heartbeat: () => (isAway ? 'cut' : undefined) },
    });
    await until(() => bench.service.askedFor('/heartbeat').length >= 10, 'more heartbeats than a lease has');
    isAway = false;
    await bench.ended(1);
    expect(bench.ends).toEqual([['t-1', 'done']]);
  });

  it.each([
    [409, 'LEASE_LOST', LeaseLostError],
    [409, 'TASK_CANCELLED', TaskCancelledError],
  ])('drops the work when a heartbeat says %s %s, and never speaks of it again', async (status, code, kind) => {
    const reasons: unknown[] = [];
    const bench = await Bench.start(1, untilAborted(reasons), {
      leaseMs: LEASE_MS,
      routes: { heartbeat: () => problem(status, code) },
    });
    await bench.ended(1);
    await bench.stop();
    expect(reasons).toEqual([expect.any(kind)]);
    expect(bench.ends).toEqual([['t-1', 'dropped']]);
    expect(bench.service.askedFor('/heartbeat')).toHaveLength(1);
    for (const call of ['/complete', '/fail', '/release']) expect(bench.service.askedFor(call)).toEqual([]);
  });

  it('drops a result whose lease is lost, without asking twice', async () => {
    const bench = await Bench.start(1, async () => 1, { routes: { complete: () => problem(409, 'LEASE_LOST') } });
    await bench.ended(1);
    expect(bench.ends).toEqual([['t-1', 'dropped']]);
    expect(bench.service.askedFor('/complete')).toHaveLength(1);
    expect(bench.service.askedFor('/fail')).toEqual([]);
  });

  it('aborts the handler of a cancelled task, and releases it, which ends it', async () => {
    const reasons: unknown[] = [];
    const bench = await Bench.start(1, untilAborted(reasons), {
      leaseMs: LEASE_MS,
      routes: { heartbeat: () => ok({ leaseExpiresAt: null, cancelRequested: true }) },
    });
    await bench.ended(1);
    expect(reasons).toEqual([expect.any(TaskCancelledError)]);
    expect(bench.ends).toEqual([['t-1', 'released']]);
    expect(bench.service.askedFor('/release').map(({ body }) => body)).toEqual([{ leaseToken: 'token-1' }]);
    expect(bench.service.askedFor('/fail')).toEqual([]);
  });

  it('hears of a cancellation when it reports progress, which renews its lease without a heartbeat', async () => {
    const reasons: unknown[] = [];
    const contexts: TaskContext[] = [];
    const bench = await Bench.start(
      1,
      async (task, context) => {
        contexts.push(context);
        await context.progress({ percent: 10 });
        return untilAborted(reasons)(task, context);
      },
      { routes: { progress: ({ body }) => ok({ eventId: '1', cancelRequested: body.event.percent > 50 }) } },
    );
    await until(() => bench.service.askedFor('/progress').length === 1, 'progress is told');
    await contexts[0]?.progress({ percent: 60 });
    await bench.ended(1);
    expect(reasons).toEqual([expect.any(TaskCancelledError)]);
    expect(bench.service.askedFor('/progress')[0]?.body).toEqual({ leaseToken: 'token-1', event: { percent: 10 } });
    expect(bench.service.askedFor('/heartbeat')).toEqual([]);
  });

  it('fails a task with what its handler throws', async () => {
    const errors = [
      new Error('no luck'),
      new TaskFailure('BAD_INPUT', 'never works', { retryable: false }),
      new TaskFailure('BUSY', 'later', { retryAfterMs: 5000 }),
    ];
    const bench = await Bench.start(3, ({ payload }) => Promise.reject(errors[Number(payload) - 1] as Error));
    await bench.ended(3);
    expect(bench.service.askedFor('/fail').map(({ body }) => body)).toEqual([
      { leaseToken: 'token-1', error: { code: 'FAILED', message: 'no luck', retryable: true } },
      { leaseToken: 'token-2', error: { code: 'BAD_INPUT', message: 'never works', retryable: false } },
      { leaseToken: 'token-3', error: { code: 'BUSY', message: 'later', retryable: true }, retryAfterMs: 5000 },
    ]);
  });

  it('fails a task for good when the service does not take its result', async () => {
    const bench = await Bench.start(1, async () => 'long', {
      routes: { complete: () => problem(413, 'STATE_TOO_LARGE') },
    });
    await bench.ended(1);
    expect(bench.ends).toEqual([['t-1', 'failed']]);
    expect(bench.service.askedFor('/fail')[0]?.body.error).toMatchObject({ code: 'STATE_TOO_LARGE', retryable: false });
  });

  it('asks again when the answer to a result was lost, with the same token', async () => {
    let lost = 0;
    const bench = await Bench.start(1, async () => 1, {
      routes: { complete: () => (lost++ < 2 ? 'cut' : ok({ id: 't-1', status: 'done', replayed: true })) },
    });
    await bench.ended(1);
    expect(bench.ends).toEqual([['t-1', 'done']]);
    expect(bench.service.askedFor('/complete').map(({ body }) => body.leaseToken)).toEqual(Array(3).fill('token-1'));
  });

  it('lets a handler end its task in a commit', async () => {
    const bench = await Bench.start(1, async (_, { commit }) => {
      await commit({ puts: [{ id: 'case-1', state: {} }] }, 'result');
    });
    await bench.ended(1);
    const [commit] = bench.service.askedFor('/commits');
    expect(commit?.body).toEqual({
      puts: [{ id: 'case-1', state: {} }],
      ack: { taskId: 't-1', leaseToken: 'token-1', result: 'result' },
    });
    expect(commit?.headers['idempotency-key']).toBeDefined();
    expect(bench.service.askedFor('/complete')).toEqual([]);
    expect(bench.ends).toEqual([['t-1', 'done']]);
  });
});

describe('a worker that is told to stop', () => {
  it('claims no more and finishes what it has', async () => {
    let isOver = false;
    const bench = await Bench.start(5, () => until(() => isOver, 'told to end'), { concurrency: 2 });
    await bench.busy(2);
    const stopped = bench.stop();
    isOver = true;
    await stopped;
    expect(bench.ends.map(([, kind]) => kind)).toEqual(['done', 'done']);
    expect(bench.service.askedFor('/claims')).toHaveLength(1);
  });

  it('releases what does not end in time', async () => {
    const reasons: unknown[] = [];
    const bench = await Bench.start(2, untilAborted(reasons), { concurrency: 2 });
    await bench.busy(2);
    await bench.stop(20);
    expect(reasons).toEqual([expect.any(WorkerStoppedError), expect.any(WorkerStoppedError)]);
    expect(bench.ends.map(([, kind]) => kind)).toEqual(['released', 'released']);
    expect(bench.service.askedFor('/release')).toHaveLength(2);
    expect(bench.service.askedFor('/fail')).toEqual([]);
  });

  it('hurries when it is told again', async () => {
    const bench = await Bench.start(1, untilAborted([]));
    await bench.busy(1);
    bench.worker.stop(3_600_000);
    await bench.stop(0);
    expect(bench.ends).toEqual([['t-1', 'released']]);
  });

  it('releases a task whose handler told it to stop, whatever the handler throws after that', async () => {
    const bench = await Bench.start(1, async () => {
      bench.worker.stop(0);
      throw new Error('cannot go on');
    });
    await bench.done;
    expect(bench.ends).toEqual([['t-1', 'released']]);
  });

  it('does not wait for a handler that does not listen', async () => {
    const bench = await Bench.start(1, () => new Promise(() => undefined), { graceMs: 20 });
    await bench.busy(1);
    await bench.stop(0);
    expect(bench.ends).toEqual([['t-1', 'released']]);
  });

  it('completes what finishes although it was aborted', async () => {
    const bench = await Bench.start(
      1,
      (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('just done'))),
    );
    await bench.busy(1);
    await bench.stop(0);
    expect(bench.service.askedFor('/complete')[0]?.body.result).toBe('just done');
  });

  it('gives back what a claim brought that was cut off: it asks once more under its Claim-Id', async () => {
    const bench = await Bench.start(1, async () => null, {
      waitMs: 20_000,
      routes: { claims: ({ body }) => (body.waitMs > 0 ? 'silence' : ok({ tasks: [taskOf(9)] })) },
    });
    await until(() => bench.service.askedFor('/claims').length === 1, 'it waits for tasks');
    await bench.stop();
    const [first, second] = bench.service.askedFor('/claims');
    expect(second?.headers['claim-id']).toBe(first?.headers['claim-id']);
    expect(bench.service.askedFor('/release').map(({ path }) => path)).toEqual(['/v1/tasks/t-9/release']);
    expect(bench.events).toEqual([]);
  });
});

describe('a worker whose service', () => {
  it('was never there says so', async () => {
    const gone = await FakeService.start(() => 'cut');
    const client = new WaymarkClient({ url: gone.url, retry: { firstMs: 1, giveUpAfterMs: 50 } });
    const worker = new Worker(client, { queue: 'q', worker: 'w', handler: async () => null });
    await expect(worker.run()).rejects.toBeInstanceOf(UnreachableError);
    await gone.stop();
  });

  it('is there but not well is waited for', async () => {
    let failures = 0;
    const bench = await Bench.start(1, async () => null, {
      giveUpAfterMs: 20,
      routes: { claims: () => (failures++ < 60 ? problem(503, 'STORE_UNAVAILABLE') : undefined) },
    });
    await bench.ended(1);
    await bench.stop();
    expect(bench.ends).toEqual([['t-1', 'done']]);
  });

  it('refuses its claims for good ends', async () => {
    const bench = await Bench.start(1, async () => null, { routes: { claims: () => problem(422, 'INVALID_ID') } });
    await expect(bench.done).rejects.toMatchObject({ code: 'INVALID_ID' });
    expect(bench.service.asked).toHaveLength(1);
  });

  it('answers empty claims at once is not asked as fast as it can', async () => {
    const bench = await Bench.start(0, async () => null, { waitMs: 20_000 });
    await until(() => bench.service.asked.length >= 2, 'it asks again');
    // Half a second on average; a busy loop would send hundreds of requests.
    expect(bench.service.asked.length).toBeLessThan(5);
    await bench.stop();
  });
});
