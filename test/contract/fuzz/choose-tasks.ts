import type { BoardChange } from '../../../src/engine/board.js';
import type { Once } from '../../../src/engine/commit.js';
import type { ClaimedTask, Claim, NewTask, TaskStep } from '../../../src/engine/task.js';
import type { TestClock } from '../../support/clock.js';
import type { CommitSpec, Operation } from './operation.js';
import type { Reply } from './perform.js';
import type { Random } from './random.js';

const QUEUES = ['q', 'q:ready', 'w'];
const WORKFLOWS = ['a', 'b', 'B', 'nobody'];
const WORKERS = ['w1', 'w2'];
const LEASES = [1, 10, 1000, 30_000];

/** A payload that takes most of the bytes of a queue in fuzzOptions. */
const LONG = JSON.stringify('x'.repeat(70));

/** The limit in fuzzOptions. */
const RESULTS_KEPT_MS = 8000;

interface Lease {
  readonly tenant: string;
  readonly id: string;
  readonly token: string;
}

/** Chooses operations on tasks, mostly on leased ones. */
export class TaskChooser {
  readonly #ids: { readonly tenant: string; readonly id: string }[] = [];
  readonly #leases: Lease[] = [];
  readonly #claimKeys: string[] = [];
  readonly #steps: { readonly tenant: string; readonly step: TaskStep; readonly once: Once }[] = [];
  /** Tasks with a longer retention, for repeats of their end. */
  readonly #deduped = new Set<string>();
  #made = 0;

  constructor(
    private readonly random: Random,
    private readonly clock: TestClock,
    private readonly once: () => Once,
  ) {}

  /** Recent tasks of a tenant. */
  known(tenant: string): string[] {
    return [...new Set(this.#ids.filter((one) => one.tenant === tenant).map(({ id }) => id))];
  }

  learn(operation: Operation, { value }: Reply): void {
    if (operation.do === 'together') {
      operation.operations.forEach((one, i) => this.learn(one, (value as readonly Reply[])[i] ?? {}));
      return;
    }
    const { tenant } = operation;
    const { tasks, next } = (value ?? {}) as { tasks?: readonly ClaimedTask[]; next?: ClaimedTask };
    for (const task of [...(tasks ?? []), ...(next ? [next] : [])]) {
      if (typeof task.token === 'string') remember(this.#leases, { tenant, id: task.id, token: task.token }, 12);
    }
  }

  next(tenant: string): Operation {
    const { random } = this;
    const queue = random.pick(QUEUES);
    const kind = random.weighted({
      claim: 24,
      step: 40,
      again: 4,
      find: 6,
      tasksOf: 4,
      dead: 4,
      replay: 5,
      purge: 1,
      pause: 2,
      queue: 4,
      progress: 5,
    });
    switch (kind) {
      case 'claim': {
        const key =
          this.#claimKeys.length > 0 && random.chance(0.2) ? random.pick(this.#claimKeys) : `claim-${++this.#made}`;
        remember(this.#claimKeys, key, 5);
        return { do: 'claim', tenant, claim: this.#claim(queue, 1 + random.below(4)), key };
      }
      case 'step': {
        const { tenant: whose, step } = this.#step(tenant);
        const operation = { do: 'step' as const, tenant: whose, step, once: this.once() };
        remember(this.#steps, operation, 8);
        return operation;
      }
      case 'again':
        return this.#steps.length === 0 ? { do: 'queue', tenant, queue } : { do: 'step', ...random.pick(this.#steps) };
      case 'find':
        return { do: 'findTask', ...this.#task(tenant) };
      case 'tasksOf':
        return { do: 'tasksOf', tenant, workflowId: random.pick(WORKFLOWS) };
      case 'dead':
        return { do: 'dead', tenant, queue };
      case 'replay': {
        const which = random.chance(0.5) ? { max: 1 + random.below(3) } : { ids: random.some(this.known(tenant), 3) };
        const options = { resetAttempts: random.chance(0.5), spreadMs: random.pick([0, 0, 100, 5000]) };
        return { do: 'replayDead', tenant, queue, which, options, once: this.once() };
      }
      case 'purge':
        return { do: 'purgeDead', tenant, queue, which: { max: 2 }, once: this.once() };
      case 'pause':
        return { do: 'pause', tenant, queue, isPaused: random.chance(0.3) };
      case 'queue':
        return { do: 'queue', tenant, queue };
      case 'progress':
        return { do: 'progress', ...this.#task(tenant), after: random.below(4), limit: 1 + random.below(5) };
    }
  }

  /** Operations of one tenant, so that they share a call. */
  together(tenant: string): Operation {
    const { random } = this;
    const operations = Array.from({ length: 2 + random.below(11) }, () => this.#oneOfMany(tenant));
    const own = operations.filter((one) => one.tenant === tenant);
    // A commit takes engines a little longer to begin, so the order is the same on all of them.
    const [commits, others] = [own.filter((one) => one.do === 'commit'), own.filter((one) => one.do !== 'commit')];
    return { do: 'together', tenant, operations: [...others, ...commits] };
  }

  #oneOfMany(tenant: string): Operation {
    const { random } = this;
    switch (random.weighted({ claim: 3, end: 4, step: 3, commit: 2 })) {
      case 'claim':
        return {
          do: 'claim',
          tenant,
          claim: this.#claim(random.pick(QUEUES), 1 + random.below(3)),
          key: `claim-${++this.#made}`,
        };
      case 'end':
        return { do: 'commit', tenant, commit: this.#end(tenant) };
      case 'step':
        return { do: 'step', ...this.#step(tenant), once: this.once() };
      case 'commit':
        return { do: 'commit', tenant, commit: { once: this.once(), ...this.parts(tenant) } };
    }
  }

  /** The most frequent call of workers: end a task under its lease, and claim the next one. */
  #end(tenant: string): CommitSpec {
    const { random } = this;
    const { id, token } = this.#lease(tenant) ?? { id: 'unknown', token: 'unknown' };
    const lease = { key: `ack-${token}`, fingerprint: '', keepMs: RESULTS_KEPT_MS, isLease: true as const };
    return {
      once: this.#deduped.has(id) ? this.once() : lease,
      ack: { taskId: id, token, result: random.pick(['null', '{"done":[]}']) },
      ...(random.chance(0.7) && { claim: this.#claim(random.pick(QUEUES), 1) }),
    };
  }

  /** Parts of a commit about tasks. */
  parts(tenant: string): Omit<CommitSpec, 'once'> {
    const { random } = this;
    const lease = random.chance(0.5) ? this.#lease(tenant) : undefined;
    const count = random.pick([0, 1, 1, 2, 4]);
    return {
      ...(lease && { ack: { taskId: lease.id, token: lease.token, result: random.pick(['null', '{"done":[]}']) } }),
      enqueue: Array.from({ length: count }, () => this.#new(tenant)),
      ...(random.chance(0.2) && { publish: [{ channel: 'c', type: 't', payload: '{"n":1}' }] }),
      ...(random.chance(0.05) && { cancelTasksOf: [random.pick(WORKFLOWS)] }),
      ...(random.chance(0.3) && { claim: this.#claim(random.pick(QUEUES), 1) }),
      ...(random.chance(0.1) && { board: this.#board() }),
    };
  }

  #board(): BoardChange {
    const { random } = this;
    const name = random.pick(['n', '__proto__', 'ü']);
    return {
      board: 'b',
      add: { [`k:${name}`]: random.below(3) },
      notices: Array.from({ length: random.below(3) }, () => ({
        name: random.pick(['x', 'y', 'z']),
        text: random.pick(['"Grüße 🚀"', '{ }']),
        keepMs: random.pick([1, 50, 1000]),
      })),
      entries: Array.from({ length: random.below(4) }, () => String(this.clock.ms)),
    };
  }

  #claim(queue: string, count: number): Claim {
    const tokens = Array.from({ length: count }, () => `token-${++this.#made}`);
    const leaseMs = this.random.chance(0.7) ? this.random.pick(LEASES) : undefined;
    return { queue, worker: this.random.pick(WORKERS), leaseMs, tokens };
  }

  #new(tenant: string): NewTask {
    const { random, clock } = this;
    const id = random.chance(0.1) ? this.#task(tenant).id : `task-${++this.#made}`;
    remember(this.#ids, { tenant, id }, 40);
    const isDeduped = random.chance(0.3);
    if (isDeduped) this.#deduped.add(id);
    return {
      id,
      queue: random.pick(QUEUES),
      payload: random.pick(['{}', '[]', '{"n":9223372036854775807}', '"Grüße\\u0000"', 'null', LONG]),
      headers: random.pick(['{}', '{"trace":"a b"}']),
      priority: random.pick([0, 5, 5, 9]),
      start: random.pick([
        { delayMs: 0 },
        { delayMs: 0 },
        { delayMs: 100 },
        { delayMs: 5000 },
        { atMs: clock.ms + 50 },
        { atMs: clock.ms - 5 },
      ]),
      maxAttempts: random.pick([1, 2, 4]),
      backoffMs: random.pick([[5, 15, 60], [5000], []]),
      leaseMs: random.pick(LEASES),
      limitMs: random.chance(0.2) ? random.pick([5, 5000]) : null,
      expires: random.pick([{ afterDueMs: 10_000 }, { afterDueMs: 600_000 }, { atMs: clock.ms + 200 }]),
      ...(isDeduped && { dedupe: { key: `d${random.below(4)}`, keepMs: random.pick([100, 60_000]) } }),
      ...(random.chance(0.5) && { workflowId: random.pick(WORKFLOWS) }),
    };
  }

  #step(tenant: string): { tenant: string; step: TaskStep } {
    const { random } = this;
    const kind = random.weighted({ extend: 4, progress: 4, fail: 5, release: 3, cancel: 2 });
    if (kind === 'cancel') {
      const { tenant: whose, id } = this.#task(tenant);
      return {
        tenant: whose,
        step: { kind, id, reason: random.pick([undefined, 'NOT_NEEDED']), isForced: random.chance(0.4) },
      };
    }
    const { tenant: whose, id, token } = this.#lease(tenant) ?? { tenant, id: 'unknown', token: 'unknown' };
    switch (kind) {
      case 'extend':
        return { tenant: whose, step: { kind, id, token, leaseMs: random.pick([undefined, ...LEASES]) } };
      case 'progress':
        return { tenant: whose, step: { kind, id, token, event: random.pick(['{"percent":10}', '"half"']) } };
      case 'release':
        return { tenant: whose, step: { kind, id, token } };
      case 'fail': {
        const error = { code: 'BROKEN', message: random.pick(['', 'Grüße "x"\n']) };
        const retry = random.chance(0.2) ? { retryAfterMs: random.pick([0, 30]) } : {};
        const jitter = random.pick([1, 1.137, 1.2]);
        return { tenant: whose, step: { kind, id, token, error, isRetryable: random.chance(0.8), jitter, ...retry } };
      }
    }
  }

  #task(tenant: string): { tenant: string; id: string } {
    if (this.#ids.length === 0 || this.random.chance(0.05)) return { tenant, id: 'unknown' };
    return this.random.pick(this.#ids);
  }

  #lease(tenant: string): Lease | undefined {
    const own = this.#leases.filter((lease) => lease.tenant === tenant);
    // Mostly the latest leases, which are still good.
    return own.length === 0
      ? undefined
      : own[Math.max(0, own.length - 1 - this.random.below(this.random.pick([1, 3, 12])))];
  }
}

function remember<T>(list: T[], one: T, most: number): void {
  list.push(one);
  if (list.length > most) list.shift();
}
