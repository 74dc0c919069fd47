import { ServiceError } from '../../../service-error.js';
import type { Once } from '../../commit.js';
import { readAfterLeases } from '../../ended-leases.js';
import type { EngineObserver } from '../../engine.js';
import {
  IdempotencyMismatchError,
  LeaseLostError,
  StoreUnavailableError,
  TaskCancelledError,
  TaskEndedError,
  TaskNotFoundError,
} from '../../errors.js';
import { openFirst } from '../../task-order.js';
import type { Claim, TaskDetail, TaskRecord, TaskStatus, TaskStep } from '../../task.js';
import { QUEUE_FIELDS, QUEUE_RATES, QUEUE_REPLY, QUEUE_TOTALS, type QueueFields } from '../../records/queue-fields.js';
import {
  perMinute,
  TaskQueues,
  type Chosen,
  type Claimed,
  type DeadSelection,
  type ReplayOptions,
  type Progress,
  type QueuePage,
  type QueueQuery,
  type QueueRecord,
  type Stepped,
} from '../../task-queues.js';
import { plannedClaim } from '../buckets.js';
import { eventOf } from '../moving/moved-replies.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { FENCED, RedisScript, TIMED_TASKS } from '../scripts/redis-script.js';
import { groupsOf, keptListOf, listOf, textOf } from '../scripts/reply.js';
import { planArguments, type ScriptSender, type ScriptSet } from '../scripts/script-sender.js';
import type { ScriptWriter } from '../scripts/script-writer.js';
import type { ScriptContext } from '../scripts/script-context.js';
import { queueRange } from './queue-range.js';
import { claimedOf, detailOf, taskOf, wellFormed } from './task-replies.js';

const taskScript = new RedisScript(TIMED_TASKS, 'task');
const endLeasesScript = new RedisScript(TIMED_TASKS, 'end-leases');
const queuesScript = new RedisScript([...TIMED_TASKS, 'queue-names'], 'queues');
const pauseScript = new RedisScript([...FENCED, 'queue-times'], 'pause-queue');
const progressScript = new RedisScript(TIMED_TASKS, 'progress');

interface RedisTaskScripts {
  readonly sender: ScriptSender;
  readonly reader: ScriptReader;
  readonly writer: ScriptWriter;
}

/** Tasks in Redis. Each step is atomic because Redis runs a script alone. */
export class RedisTasks extends TaskQueues {
  constructor(
    private readonly scripts: RedisTaskScripts,
    private readonly context: ScriptContext,
    private readonly observer: EngineObserver,
  ) {
    super();
  }

  async claim(tenant: string, claim: Claim, key: string): Promise<Claimed> {
    // The script keeps the outcome until the leases end.
    const once = { key, fingerprint: '', keepMs: 0 };
    const plan = { kind: 'claim', once, claim: plannedClaim(claim) };
    const claims = claim.tokens.length;
    const [, claimed, nextDueIn, isPaused] = await this.#send('claim', tenant, 'tasks', plan, [], claims);
    return {
      tasks: listOf(claimed).map(claimedOf),
      nextDueInMs: nextDueIn === '' ? null : Number(nextDueIn),
      isPaused: isPaused === '1',
    };
  }

  async step(tenant: string, step: TaskStep, once: Once): Promise<Stepped> {
    const { planned, text } = plannedStep(step);
    const reply = await this.#send(step.kind, tenant, 'tasks', { kind: 'step', once, step: planned }, [text]);
    switch (reply[0]) {
      case 'done':
        return steppedOf(reply[1], reply[2], false);
      case 'replayed': {
        const { task, event } = JSON.parse(textOf(reply[1])) as { task: unknown; event: unknown };
        return steppedOf(task, event, true);
      }
      case 'unknown':
        throw new TaskNotFoundError(step.id);
      case 'cancelled':
        throw new TaskCancelledError(step.id);
      case 'lost':
        throw new LeaseLostError(step.id);
      default:
        throw new TaskEndedError(step.id, textOf(reply[1]) as TaskStatus);
    }
  }

  async find(tenant: string, id: string): Promise<TaskDetail | undefined> {
    const [task] = await this.#readTasks(tenant, { ids: [id] });
    return detailOf(task);
  }

  async listOfWorkflow(tenant: string, workflowId: string, limit: number): Promise<readonly TaskRecord[]> {
    const reply = await this.#readTasks(tenant, { workflow: { id: workflowId, limit } });
    const tasks = reply.flatMap((one) => (one === null || one === undefined ? [] : [taskOf(listOf(one)[0])]));
    return openFirst(tasks, limit);
  }

  async listDead(tenant: string, queue: string, limit: number): Promise<readonly TaskDetail[]> {
    const reply = await this.#readTasks(tenant, { dead: { queue, limit } });
    return reply.flatMap((one) => detailOf(one) ?? []);
  }

  replayDead(tenant: string, queue: string, which: DeadSelection, options: ReplayOptions, once: Once): Promise<Chosen> {
    return this.#dead(tenant, once, { action: 'replay', queue, ...which, ...options });
  }

  purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once): Promise<Chosen> {
    return this.#dead(tenant, once, { action: 'purge', queue, ...which });
  }

  async pause(tenant: string, queue: string, isPaused: boolean): Promise<void> {
    await this.scripts.writer.run(pauseScript, 'pause', tenant, [queue, isPaused ? '1' : '0']);
  }

  async listQueues(tenant: string, query: QueueQuery): Promise<QueuePage> {
    const page = queueRange(query);
    const [next, ...found] = listOf(await this.#read('queues', tenant, queuesScript, { page }));
    const read = found.map((one) => listOf(one));
    return {
      queues: read.flatMap(([name, values]) => (values === undefined ? [] : queueOf(textOf(name), values))),
      unreadable: read.flatMap(([name, values]) => (values === undefined ? textOf(name) : [])),
      next: next === '' ? undefined : textOf(next),
    };
  }

  async findQueue(tenant: string, name: string): Promise<QueueRecord> {
    return queueOf(name, await this.#readAfterLeases('queue', tenant, queuesScript, { queue: name }));
  }

  async readProgress(tenant: string, id: string, after: number, limit: number): Promise<Progress | undefined> {
    const reply = await this.#read('progress', tenant, progressScript, { id, after, limit });
    if (reply === null || reply === undefined) return undefined;
    const [isOver, oldest, entries] = listOf(reply);
    const events = listOf(entries).map(eventOf);
    return { events, isOver: isOver === '1', oldest: oldest === '' ? null : Number(oldest) };
  }

  async #dead(tenant: string, once: Once, dead: object): Promise<Chosen> {
    const reply = await this.#send('dead', tenant, 'dead', { kind: 'dead', once, dead });
    if (reply[0] === 'done') return { ids: listOf(reply[1]).map(textOf), replayed: false };
    const { ids } = JSON.parse(textOf(reply[1])) as { ids: unknown };
    return { ids: keptListOf(ids).map(textOf), replayed: true };
  }

  async #readTasks(tenant: string, which: object): Promise<readonly unknown[]> {
    return listOf(await this.#readAfterLeases('task', tenant, taskScript, { which }));
  }

  /** For a script that replies the ids of tasks whose lease is over, and what it has found. */
  #readAfterLeases(name: string, tenant: string, from: RedisScript, call: object): Promise<unknown> {
    return readAfterLeases(
      async () => {
        const [over, found] = listOf(await this.#read(name, tenant, from, call));
        return { found, over: listOf(over).map(textOf) };
      },
      (ids) => this.#read('end-leases', tenant, endLeasesScript, { ids }),
    );
  }

  #read(name: string, tenant: string, from: RedisScript, call: object): Promise<unknown> {
    return this.scripts.reader.run(from, name, tenant, [
      JSON.stringify({ limits: this.context.options.tasks, ...call }),
    ]);
  }

  /** @throws IdempotencyMismatchError */
  async #send(
    name: string,
    tenant: string,
    scripts: ScriptSet,
    { once, ...plan }: { readonly kind: string; readonly once: Once; readonly [part: string]: unknown },
    texts: readonly string[] = [],
    claims = 0,
  ): Promise<readonly unknown[]> {
    const started = performance.now();
    const tell = (outcome: 'ok' | 'refused' | 'failed') =>
      this.observer.command(name, (performance.now() - started) / 1000, outcome);
    try {
      const args = planArguments({ once: [once], ...plan }, texts);
      const reply = await this.scripts.sender.send(tenant, { scripts, args, claims });
      if (reply[0] === 'mismatch') throw new IdempotencyMismatchError();
      if (typeof reply[0] !== 'string') throw new StoreUnavailableError();
      tell(reply[0] === 'done' || reply[0] === 'replayed' ? 'ok' : 'refused');
      return reply;
    } catch (error) {
      tell(error instanceof ServiceError && error.code === 'IDEMPOTENCY_MISMATCH' ? 'refused' : 'failed');
      throw error;
    }
  }
}

/** The plan of a step for step.lua, and its text. */
function plannedStep(step: TaskStep): { planned: object; text: string } {
  switch (step.kind) {
    case 'progress': {
      const { event, ...planned } = step;
      return { planned, text: event };
    }
    case 'fail': {
      const { error, ...planned } = step;
      return { planned: { ...planned, code: error.code }, text: JSON.stringify(error) };
    }
    case 'cancel':
      return { planned: { ...step, reason: step.reason && wellFormed(step.reason) }, text: '' };
    default:
      return { planned: step, text: '' };
  }
}

function steppedOf(fields: unknown, event: unknown, replayed: boolean): Stepped {
  const eventId = textOf(event);
  return { task: taskOf(fields), ...(eventId !== '' && { eventId }), replayed };
}

const READ = {
  flag: (value: unknown) => value === '1',
  count: Number,
  time: (value: unknown) => (value === '' ? null : Number(value)),
};

/** From a reply of queues.lua. */
function queueOf(name: string, reply: unknown): QueueRecord {
  const values = listOf(reply);
  const named = Object.fromEntries(QUEUE_REPLY.map((field, i) => [field, values[i]]));
  const { totals, minutes, workers, holders, nowMs } = named;
  const fields = Object.entries(QUEUE_FIELDS).map(([field, kind]) => [field, READ[kind](named[field])]);
  const counts = listOf(minutes).map(Number);
  const rateAt = (i: number) => perMinute(counts[2 * i] ?? 0, counts[2 * i + 1] ?? 0, Number(nowMs));
  return {
    name,
    ...(Object.fromEntries(fields) as QueueFields),
    totals: Object.fromEntries(
      QUEUE_TOTALS.map((total, i) => [total, Number(listOf(totals)[i])]),
    ) as QueueRecord['totals'],
    perMinute: Object.fromEntries(QUEUE_RATES.map((rate, i) => [rate, rateAt(i)])) as QueueRecord['perMinute'],
    workers: workersOf(listOf(workers).map(textOf), listOf(holders)),
  };
}

/** `seen`: names and times in turn. `holders`: the worker of each leased task. */
function workersOf(seen: readonly string[], holders: readonly unknown[]): QueueRecord['workers'] {
  if (seen.length === 0) return [];
  return groupsOf(seen, 2).map(([name = '', at]) => {
    return { name, seenAtMs: Number(at), leased: holders.filter((holder) => holder === name).length };
  });
}
