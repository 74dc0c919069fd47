import type { FeedEvent } from '../../engine.js';
import { FeedResetError, FeedTrimmedError } from '../../errors.js';
import type { Arrived, ArrivalOptions } from '../../moving/arrival.js';
import type {
  Damaged,
  RecordKind,
  Moved,
  MovedBoard,
  MovedQueue,
  MovedTask,
  RemovableKind,
} from '../../moving/moved.js';
import { isDamaged, orDamaged, readEach, stampedDamage } from '../../moving/damaged.js';
import { Moving, type Stamped, type StampPage } from '../../moving/moving.js';
import { stampOf } from '../../moving/stamp.js';
import { bytesOf } from '../../task.js';
import type { MovedOutcome } from '../../kept.js';
import { keptText } from '../commits/outcomes.js';
import { readBoard } from '../feed/redis-board.js';
import { boardsKey, KEY_NAMES, prefixOf, tenantsKey } from '../keys.js';
import { movedBoardOf } from '../../moving/moved-board.js';
import { movedTaskOf, taskTexts, UNREADABLE } from './moved-replies.js';
import { MovedWorkflows, type MovedWorkflowsParts } from './moved-workflows.js';
import { namesWith } from '../../records/task-fields.js';
import type { RedisFeed } from '../feed/redis-feed.js';
import { queueRange } from '../tasks/queue-range.js';
import { scriptFields } from '../tasks/task-replies.js';
import { FENCED, RedisScript, TIMED, TIMED_RECORDS, TIMED_TASKS, TIMED_WRITING } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';

const PACKED = namesWith('redis');
const listScript = new RedisScript([...TIMED_RECORDS, 'moving'], 'move-list');
const membersScript = new RedisScript(TIMED_RECORDS, 'move-members');
const queuesScript = new RedisScript([...TIMED, 'queue-names'], 'move-queues');
const queueScript = new RedisScript([...FENCED, 'queue-times'], 'move-queue');
const boardScript = new RedisScript([...TIMED_WRITING, 'fence', 'board'], 'move-board');
const tasksScript = new RedisScript(TIMED_TASKS, 'move-tasks');
const taskScript = new RedisScript(TIMED_TASKS, 'move-task');
const outcomeScript = new RedisScript([...TIMED, 'fence'], 'move-outcome');
const nowScript = new RedisScript(TIMED, 'move-now');
const MEMBERS_AT_ONCE = 500;
const QUEUES_AT_ONCE = 500;
const EVENTS_AT_ONCE = 1000;

export interface RedisMovingParts extends MovedWorkflowsParts {
  readonly feed: RedisFeed;
}

/** Moves records out of Redis and into it. One idempotent script makes the change of each `put` and `remove`. */
export class RedisMoving extends Moving {
  readonly #workflows: MovedWorkflows;

  constructor(private readonly parts: RedisMovingParts) {
    super();
    this.#workflows = new MovedWorkflows(parts);
  }

  async listTenants(): Promise<readonly string[]> {
    const { reader, context } = this.parts;
    const key = tenantsKey(context.namespace);
    const known = await reader.commands('tenants', key, (client) => client.zrange(key, '0', '-1'));
    return [...new Set(['default', ...known])].toSorted();
  }

  async now(): Promise<number> {
    return Number(textOf(await this.parts.reader.run(nowScript, 'move-now', 'default', [])));
  }

  async listWorkflows(tenant: string, after: string | undefined, limit: number): Promise<StampPage> {
    const listed = await orDamaged('workflow', '', async () =>
      listOf(await this.parts.reader.run(listScript, 'move-list', tenant, [after ?? '', String(limit)])),
    );
    if (isDamaged(listed)) return { items: [stampedDamage(listed)], next: undefined };
    const [last, ...entries] = listed as readonly unknown[];
    const items: Stamped[] = [];
    for (const entry of entries) {
      const [id, stamp, bytes, kind] = listOf(entry).map(textOf) as [string, string, string, string];
      if (kind === 'ours') items.push({ id, stamp, bytes: Number(bytes) });
      else items.push(...(await this.#readStamps(tenant, 'workflow', [id], Number(bytes))));
    }
    return { items, next: last === '' ? undefined : textOf(last) };
  }

  /**
   * Lists the tasks of all sets. Then lists those again that changed meanwhile, as the events of the feed show.
   * Begins no feed in a tenant without one: an export must leave nothing of an erased tenant.
   */
  async *listTasks(tenant: string): AsyncGenerator<readonly Stamped[]> {
    const { feed } = this.parts;
    let since: string | undefined;
    for (;;) {
      if (since === undefined) {
        const start = await orDamaged('task', '', () => feed.findLastId(tenant));
        yield* this.#listSets(tenant);
        // Without a feed before and after, no task has changed meanwhile.
        if (start === undefined && (await feed.findLastId(tenant)) === undefined) return;
        if (start === undefined) continue;
        if (typeof start !== 'string') return yield [changesUnknown(start)];
        since = start;
      }
      const events = await orDamaged('task', '', () => this.#eventsAfter(tenant, since as string));
      // The feed was trimmed or reset, so changes may be missing: list the sets again.
      if (events === undefined) {
        since = undefined;
        continue;
      }
      if (isDamaged(events)) return yield [changesUnknown(events)];
      const ids = events.flatMap(({ type, fields }) => (type.startsWith('task.') ? (fields['id'] ?? []) : []));
      if (ids.length > 0) yield this.#stamps(tenant, [...new Set(ids)]);
      since = events.at(-1)?.id ?? since;
      if (events.length < EVENTS_AT_ONCE) return;
    }
  }

  async listQueues(tenant: string): Promise<readonly (MovedQueue | Damaged)[]> {
    const queues: (MovedQueue | Damaged)[] = [];
    let after = '';
    do {
      const range = queueRange({ prefix: '', after, limit: QUEUES_AT_ONCE });
      const page = await orDamaged('queue', '', () => this.#queues(tenant, range));
      if (isDamaged(page)) return [...queues, page];
      queues.push(...page.queues);
      after = page.next;
    } while (after !== '');
    return queues;
  }

  async listBoards(tenant: string): Promise<readonly (MovedBoard | Damaged)[]> {
    const { reader, context } = this.parts;
    const key = boardsKey(prefixOf(context.namespace, tenant));
    const names = await orDamaged('board', '', () =>
      reader.commands('boards', key, (client) => client.zrange(key, '0', '-1')),
    );
    return isDamaged(names) ? [names] : present(await this.#readBoards(tenant, names));
  }

  async read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | Damaged | undefined)[]> {
    switch (kind) {
      case 'workflow':
        return readEach(kind, ids, (some) => this.#workflows.read(tenant, some));
      case 'task':
        return readEach(kind, ids, (some) => this.#readTasks(tenant, some));
      case 'queue':
        return readEach(kind, ids, async (some) => {
          const found = new Map((await this.#queues(tenant, { ids: some })).queues.map((queue) => [queue.id, queue]));
          return some.map((id) => found.get(id));
        });
      case 'board':
        return this.#readBoards(tenant, ids);
    }
  }

  async put(tenant: string, record: Moved, options: ArrivalOptions): Promise<Arrived> {
    switch (record.kind) {
      case 'workflow':
        return this.#workflows.put(tenant, record, options);
      case 'task':
        return this.#putTask(tenant, record, options);
      case 'queue': {
        const { kind: _kind, ...plan } = record;
        return this.#arrived(queueScript, tenant, options, [JSON.stringify({ ...plan, ...options })]);
      }
      case 'board':
        return this.#putBoard(tenant, record, options);
    }
  }

  async remove(tenant: string, kind: RemovableKind, id: string, stamp: string): Promise<boolean> {
    if (kind === 'workflow') return this.#workflows.remove(tenant, id, stamp);
    const plan = this.#taskPlan({ id, remove: stamp });
    return (await this.parts.writer.run(taskScript, 'move-remove', tenant, [plan])) === 'removed';
  }

  /** Stores the outcome of a commit made elsewhere, so that a repeat is a replay. */
  async putOutcome(tenant: string, moved: MovedOutcome): Promise<void> {
    const args = [moved.key, String(moved.untilMs), keptText(moved)];
    await this.parts.writer.run(outcomeScript, 'move-outcome', tenant, args);
  }

  /** Lists the tasks of all sets. A task that moves to another set meanwhile may be missing or come twice. */
  async *#listSets(tenant: string): AsyncGenerator<readonly Stamped[]> {
    for (const queue of await this.listQueues(tenant)) {
      if (isDamaged(queue) && queue.id === '') yield [stampedDamage(queue)];
      if (queue.id === '') continue;
      for (const status of ['delayed', 'ready', 'leased', 'dead']) {
        yield* this.#walk(tenant, ['queue', `${KEY_NAMES.queue}${status}:${queue.id}`], '-inf');
      }
    }
    yield* this.#walk(tenant, ['workflows', ''], '');
  }

  async #queues(
    tenant: string,
    which: object,
  ): Promise<{ readonly queues: readonly (MovedQueue | Damaged)[]; readonly next: string }> {
    const reply = await this.parts.reader.run(queuesScript, 'move-queues', tenant, [JSON.stringify(which)]);
    const [next, ...queues] = listOf(reply);
    return {
      next: textOf(next),
      queues: queues.map((one) => {
        const [id = '', isPaused] = listOf(one).map(textOf);
        if (isPaused === '0' || isPaused === '1') return { kind: 'queue', id, isPaused: isPaused === '1' };
        return { kind: 'damaged', of: 'queue', id, message: 'another program keeps a value under its settings' };
      }),
    };
  }

  async *#walk(tenant: string, set: readonly string[], from: string): AsyncGenerator<readonly Stamped[]> {
    let score = from;
    let member = '';
    do {
      const args = [...set, score, member, String(MEMBERS_AT_ONCE)];
      const reply = await orDamaged('task', '', async () =>
        listOf(await this.parts.reader.run(membersScript, 'move-members', tenant, args)).map(textOf),
      );
      if (isDamaged(reply)) return yield [stampedDamage(reply)];
      const [nextScore = '', nextMember = '', ...found] = reply as readonly string[];
      score = nextScore;
      member = nextMember;
      const ids = found.filter((id) => !id.startsWith(UNREADABLE));
      for (let at = 0; at < ids.length; at += MEMBERS_AT_ONCE) {
        yield this.#stamps(tenant, ids.slice(at, at + MEMBERS_AT_ONCE));
      }
      const unreadable = found.filter((id) => id.startsWith(UNREADABLE)).map((id) => id.slice(UNREADABLE.length));
      if (unreadable.length > 0) yield unreadable.map(endedTasksUnknown);
    } while (score !== '');
  }

  /** Events after this one; undefined if some of them are gone. */
  async #eventsAfter(tenant: string, since: string): Promise<readonly FeedEvent[] | undefined> {
    try {
      return await this.parts.feed.read(tenant, since, EVENTS_AT_ONCE);
    } catch (error) {
      if (error instanceof FeedTrimmedError || error instanceof FeedResetError) return undefined;
      throw error;
    }
  }

  async #stamps(tenant: string, ids: readonly string[]): Promise<readonly Stamped[]> {
    const reply = listOf(await this.#tasks(tenant, { ids }));
    const stamps: Stamped[] = [];
    for (const [i, one] of reply.entries()) {
      const id = ids[i] as string;
      if (one === null) continue;
      if (one === UNREADABLE) stamps.push(...(await this.#readStamps(tenant, 'task', [id])));
      else {
        const [stamp, bytes] = listOf(one).map(textOf);
        stamps.push({ id, stamp: stamp as string, bytes: Number(bytes) });
      }
    }
    return stamps;
  }

  /** Stamps of records that a list could not make: by reading the whole record. */
  async #readStamps(tenant: string, kind: RecordKind, ids: readonly string[], bytes = 0): Promise<readonly Stamped[]> {
    return present(await this.read(tenant, kind, ids)).map((found) =>
      isDamaged(found) ? stampedDamage(found) : { id: found.id, stamp: stampOf(found), bytes },
    );
  }

  #readBoards(tenant: string, ids: readonly string[]): Promise<(MovedBoard | Damaged | undefined)[]> {
    return readEach('board', ids, (some) =>
      Promise.all(some.map(async (id) => movedBoardOf(id, await readBoard(this.parts.reader, tenant, id)))),
    );
  }

  async #readTasks(tenant: string, ids: readonly string[]): Promise<(MovedTask | Damaged | undefined)[]> {
    const reply = listOf(await this.#tasks(tenant, { ids, whole: true }));
    return reply.map((one, i) => {
      if (one !== UNREADABLE) return movedTaskOf(one);
      const message = 'another program keeps a value under its key, or has damaged it';
      return { kind: 'damaged', of: 'task', id: ids[i] as string, message };
    });
  }

  #putBoard(tenant: string, record: MovedBoard, options: ArrivalOptions): Promise<Arrived> {
    const { id, counts, notices, entries } = record;
    const plan = {
      id,
      counts: Object.entries(counts),
      notices: notices.map(({ name, untilMs }) => [name, untilMs]),
      entries: entries.length,
      stamp: stampOf(record),
      ...options,
    };
    const texts = [...notices.map(({ text }) => text), ...entries];
    return this.#arrived(boardScript, tenant, options, [JSON.stringify(plan), ...texts]);
  }

  #putTask(tenant: string, record: MovedTask, options: ArrivalOptions): Promise<Arrived> {
    const { id, headers, payload, result, failures, events } = record;
    const plan = this.#taskPlan({
      id,
      bytes: payload === null ? undefined : bytesOf({ headers, payload }),
      fields: scriptFields(PACKED, record),
      failures: failures.length,
      events: events.map((event) => [event.id, event.atMs]),
      hasPayload: payload !== null,
      hasResult: result !== null,
      ...options,
    });
    return this.#arrived(taskScript, tenant, options, [plan, ...taskTexts(record)]);
  }

  #taskPlan(plan: object): string {
    return JSON.stringify({ limits: this.parts.context.options.tasks, ...plan });
  }

  #tasks(tenant: string, plan: { readonly ids: readonly string[]; readonly whole?: boolean }): Promise<unknown> {
    return this.parts.reader.run(tasksScript, 'move-tasks', tenant, [this.#taskPlan(plan)]);
  }

  async #arrived(
    script: RedisScript,
    tenant: string,
    { isDryRun = false }: ArrivalOptions,
    args: readonly string[],
  ): Promise<Arrived> {
    // A dry run begins no epoch, since that is a write.
    const runner = isDryRun ? this.parts.reader : this.parts.writer;
    return textOf(await runner.run(script, 'move-put', tenant, args)) as Arrived;
  }
}

function present<T>(found: readonly (T | undefined)[]): T[] {
  return found.filter((one) => one !== undefined);
}

function changesUnknown(damaged: Damaged): Stamped {
  return stampedDamage({ ...damaged, message: `tasks that changed meanwhile may be missing: ${damaged.message}` });
}

function endedTasksUnknown(workflow: string): Stamped {
  const message = `ended tasks of workflow ${workflow} may be missing: another program keeps a value under their key`;
  return stampedDamage({ kind: 'damaged', of: 'task', id: '', message });
}
