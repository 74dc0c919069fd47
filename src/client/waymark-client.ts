import { parseDocument } from '../json/document.js';
import { ProblemError } from './client-errors.js';
import type { EventFilter, EventPage } from './event-types.js';
import { JsonText } from './json-text.js';
import { Requester, type Answer, type Call, type CallOptions, type RequesterOptions } from './requester.js';
import type {
  Claim,
  ClaimedTask,
  DeadSelection,
  Lease,
  NewTask,
  ProgressEvent,
  Queue,
  QueuePage,
  Task,
  TaskDetail,
  TaskError,
} from './task-types.js';
import type {
  Commit,
  Committed,
  ConflictPage,
  PutOptions,
  VersionPage,
  VersionSelection,
  Workflow,
} from './workflow-types.js';

const WAIT_MS = 20_000;
const QUEUES_PER_PAGE = 500;
const DELETED_PER_REQUEST = 500;

/**
 * The routes as methods. Each retries transient failures (no answer, 5xx, 429) with back-off and full jitter, and throws a
 * ProblemError for other refusals.
 *
 * Calls that must not be applied twice carry an Idempotency-Key. Calls with a lease token need none: the service recognises a
 * repeat by the token, and need not keep a key of each heartbeat for a day.
 */
export class WaymarkClient {
  readonly #requester: Requester;

  constructor(options: RequesterOptions) {
    this.#requester = new Requester(options);
  }

  /** Returns the task; `duplicate` is set when it existed already. */
  enqueue(queue: string, task: NewTask, options?: CallOptions): Promise<Task> {
    return this.#json({ method: 'POST', path: `${queuePath(queue)}/tasks`, body: task, isKeyed: true }, options);
  }

  /** Up to 100 tasks, all or none. */
  async enqueueAll(queue: string, tasks: readonly NewTask[], options?: CallOptions): Promise<readonly Task[]> {
    const call = { method: 'POST', path: `${queuePath(queue)}/tasks/batch`, body: { tasks }, isKeyed: true } as const;
    return (await this.#json<{ tasks: readonly Task[] }>(call, options)).tasks;
  }

  /** The next tasks of the queue. Empty if none arrives within `waitMs`. */
  async claim(queue: string, { claimId, ...body }: Claim, options?: CallOptions): Promise<readonly ClaimedTask[]> {
    const path = `${queuePath(queue)}/claims`;
    const call = { method: 'POST', path, body, headers: { 'claim-id': claimId }, waitMs: body.waitMs ?? 0 } as const;
    const answer = await this.#requester.send(call, options);
    return answer.status === 204 ? [] : claimedOf(answer);
  }

  /** Sends a message to all subscribers of the channel. */
  publish(
    channel: string,
    message: { readonly type: string; readonly payload?: unknown },
    options?: CallOptions,
  ): Promise<{ readonly eventId: string }> {
    const path = `/v1/channels/${encodeURIComponent(channel)}/messages`;
    return this.#json({ method: 'POST', path, body: message, isKeyed: true }, options);
  }

  /**
   * Events after `since`; waits up to `waitS` for the next one. Without `since` it returns only `next`, the place to start
   * from. With `include: 'state'` events of new versions have their states, and a page has at most 8 MiB.
   */
  readEvents(
    filter: EventFilter,
    {
      since,
      waitS = 0,
      limit,
      include,
      ...options
    }: CallOptions & {
      readonly since?: string;
      readonly waitS?: number;
      readonly limit?: number;
      readonly include?: 'state';
    } = {},
  ): Promise<EventPage> {
    const query = queryOf({ wait: waitS, ...filter, since, limit, include });
    return this.#json({ method: 'GET', path: `/v1/events${query}`, waitMs: waitS * 1000 }, options);
  }

  heartbeat(
    { id, leaseToken }: Lease,
    leaseMs?: number,
    options?: CallOptions,
  ): Promise<{ readonly leaseExpiresAt: string | null; readonly cancelRequested: boolean }> {
    return this.#json({ method: 'POST', path: `${taskPath(id)}/heartbeat`, body: { leaseToken, leaseMs } }, options);
  }

  complete(
    { id, leaseToken }: Lease,
    result: unknown,
    options?: CallOptions,
  ): Promise<{ readonly id: string; readonly status: 'done'; readonly replayed: boolean }> {
    const body = { leaseToken, result: result ?? null };
    return this.#json({ method: 'POST', path: `${taskPath(id)}/complete`, body }, options);
  }

  fail(
    { id, leaseToken }: Lease,
    error: TaskError,
    { retryAfterMs, ...options }: CallOptions & { readonly retryAfterMs?: number | undefined } = {},
  ): Promise<{ readonly status: 'delayed' | 'dead' | 'cancelled'; readonly nextAttemptAt: string | null }> {
    const body = { leaseToken, error, retryAfterMs };
    return this.#json({ method: 'POST', path: `${taskPath(id)}/fail`, body }, options);
  }

  /** Returns the task to its place in the queue; no attempt is counted. */
  release(
    { id, leaseToken }: Lease,
    options?: CallOptions,
  ): Promise<{ readonly status: 'ready' | 'dead' | 'cancelled' }> {
    return this.#json({ method: 'POST', path: `${taskPath(id)}/release`, body: { leaseToken } }, options);
  }

  progress(
    { id, leaseToken }: Lease,
    event: unknown,
    options?: CallOptions,
  ): Promise<{ readonly eventId: string; readonly cancelRequested: boolean }> {
    const body = { leaseToken, event };
    return this.#json({ method: 'POST', path: `${taskPath(id)}/progress`, body, isKeyed: true }, options);
  }

  /** Cancels at once, unless a worker has the task: then it is asked to stop or, with `force`, loses the lease. */
  cancel(
    id: string,
    { reason, force, ...options }: CallOptions & { readonly reason?: string; readonly force?: boolean } = {},
  ): Promise<Task> {
    const body = { reason, force };
    return this.#json({ method: 'POST', path: `${taskPath(id)}/cancel`, body, isKeyed: true }, options);
  }

  /** Returns the task at once or, with `waitMs`, when it has ended or the time is over. */
  getTask(
    id: string,
    { waitMs = 0, ...options }: CallOptions & { readonly waitMs?: number } = {},
  ): Promise<TaskDetail> {
    const query = waitMs === 0 ? '' : `?waitMs=${waitMs}`;
    return this.#json({ method: 'GET', path: `${taskPath(id)}${query}`, waitMs }, options);
  }

  /** Waits until the task is done, dead or cancelled. */
  async getEndedTask(id: string, options?: CallOptions): Promise<TaskDetail> {
    for (;;) {
      const task = await this.getTask(id, { ...options, waitMs: WAIT_MS });
      if (task.endedAt !== null) return task;
    }
  }

  /** Progress events in order, until the task has ended. `after` is the last id seen. */
  async *progressOf(
    id: string,
    { after = 0, ...options }: CallOptions & { readonly after?: number } = {},
  ): AsyncGenerator<ProgressEvent> {
    for (let next = after, ended = false; !ended;) {
      const path = `${taskPath(id)}/events?after=${next}&waitMs=${WAIT_MS}`;
      const call = { method: 'GET', path, waitMs: WAIT_MS } as const;
      const read = await this.#json<{ events: ProgressEvent[]; next: number; ended: boolean }>(call, options);
      yield* read.events;
      // More events may follow a page of an ended task; the last page is empty.
      ended = read.ended && read.events.length === 0;
      next = read.next;
    }
  }

  /** One page of the queues, by name. */
  getQueuePage({
    limit,
    cursor,
    prefix,
    ...options
  }: CallOptions & {
    readonly limit?: number;
    readonly cursor?: string;
    readonly prefix?: string;
  } = {}): Promise<QueuePage> {
    return this.#json({ method: 'GET', path: `/v1/queues${queryOf({ limit, cursor, prefix })}` }, options);
  }

  /** The pages of all queues, by name. */
  async *queuePages(options: CallOptions & { readonly prefix?: string } = {}): AsyncGenerator<QueuePage> {
    let cursor: string | null = null;
    do {
      const page: QueuePage = await this.getQueuePage({
        ...options,
        limit: QUEUES_PER_PAGE,
        ...(cursor && { cursor }),
      });
      yield page;
      cursor = page.nextCursor;
    } while (cursor);
  }

  /** All queues, by name; those that cannot be read are left out. */
  async listQueues(options?: CallOptions & { readonly prefix?: string }): Promise<readonly Queue[]> {
    const queues: Queue[] = [];
    for await (const { items } of this.queuePages(options)) queues.push(...items);
    return queues;
  }

  getQueue(queue: string, options?: CallOptions): Promise<Queue> {
    return this.#json({ method: 'GET', path: queuePath(queue) }, options);
  }

  pauseQueue(queue: string, options?: CallOptions): Promise<Queue> {
    return this.#json({ method: 'POST', path: `${queuePath(queue)}/pause` }, options);
  }

  resumeQueue(queue: string, options?: CallOptions): Promise<Queue> {
    return this.#json({ method: 'POST', path: `${queuePath(queue)}/resume` }, options);
  }

  async listDead(queue: string, options?: CallOptions): Promise<readonly TaskDetail[]> {
    const call = { method: 'GET', path: `${queuePath(queue)}/dead` } as const;
    return (await this.#json<{ items: readonly TaskDetail[] }>(call, options)).items;
  }

  replayDead(
    queue: string,
    which: DeadSelection & { readonly resetAttempts?: boolean; readonly spreadMs?: number } = {},
    options?: CallOptions,
  ): Promise<{ readonly replayed: number; readonly ids: readonly string[] }> {
    return this.#json({ method: 'POST', path: `${queuePath(queue)}/dead/replay`, body: which, isKeyed: true }, options);
  }

  purgeDead(queue: string, which: DeadSelection = {}, options?: CallOptions): Promise<{ readonly removed: number }> {
    return this.#json({ method: 'DELETE', path: `${queuePath(queue)}/dead`, body: which, isKeyed: true }, options);
  }

  /** Applies states, acknowledgement, tasks and messages in one step: all or nothing. */
  commit(commit: Commit, options?: CallOptions): Promise<Committed> {
    return this.#json({ method: 'POST', path: '/v1/commits', body: commit, isKeyed: true }, options);
  }

  putWorkflow(
    id: string,
    state: unknown,
    { ttlSeconds, ttlMs, ifMatch, ...options }: CallOptions & PutOptions = {},
  ): Promise<Workflow> {
    const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch };
    const body = { state, ttlSeconds, ttlMs };
    return this.#json({ method: 'PUT', path: workflowPath(id), body, headers, isKeyed: true }, options);
  }

  getWorkflow(id: string, options?: CallOptions): Promise<Workflow> {
    return this.#json({ method: 'GET', path: workflowPath(id) }, options);
  }

  /** One page of the kept versions. */
  listVersions(
    id: string,
    { order, limit, before, after, include, ...options }: CallOptions & VersionSelection = {},
  ): Promise<VersionPage> {
    const query = queryOf({ order, limit, before, after, include });
    return this.#json({ method: 'GET', path: `${workflowPath(id)}/versions${query}` }, options);
  }

  /** One page of the conflicts, newest first. */
  listConflicts(
    id: string,
    { limit, before, include, ...options }: CallOptions & Pick<VersionSelection, 'limit' | 'before' | 'include'> = {},
  ): Promise<ConflictPage> {
    const query = queryOf({ limit, before, include });
    return this.#json({ method: 'GET', path: `${workflowPath(id)}/conflicts${query}` }, options);
  }

  /** Deletes all workflows whose ids start with `idPrefix`, in steps. Returns their number. */
  async deleteWorkflows(idPrefix: string, options?: CallOptions): Promise<number> {
    const path = `/v1/workflows${queryOf({ idPrefix, limit: DELETED_PER_REQUEST })}`;
    let deleted = 0;
    for (;;) {
      const step = await this.#json<{ deleted: number; isComplete: boolean }>({ method: 'DELETE', path }, options);
      deleted += step.deleted;
      if (step.isComplete) return deleted;
    }
  }

  async deleteWorkflow(id: string, options?: CallOptions): Promise<void> {
    await this.#requester.send({ method: 'DELETE', path: workflowPath(id), isKeyed: true }, options);
  }

  /** Succeeds while the process serves, even when its store is unreachable. */
  getStatus(
    options?: CallOptions,
  ): Promise<{ readonly status: string; readonly version: string; readonly storage: string }> {
    return this.#json({ method: 'GET', path: '/status' }, options);
  }

  async #json<T>(call: Call, options?: CallOptions): Promise<T> {
    return parsed<T>(await this.#requester.send(call, options));
  }
}

const queuePath = (queue: string) => `/v1/queues/${encodeURIComponent(queue)}`;
const taskPath = (id: string) => `/v1/tasks/${encodeURIComponent(id)}`;
const workflowPath = (id: string) => `/v1/workflows/${encodeURIComponent(id)}`;

/** With its `?`; empty if no value is given. */
function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query.toString()}`;
}

function claimedOf(answer: Answer): readonly ClaimedTask[] {
  const { tasks } = parsed<{ tasks: readonly Omit<ClaimedTask, 'payloadText'>[] }>(answer);
  const nodes = parseDocument(answer.text).get('tasks')?.items() ?? [];
  return tasks.map((task, i) => ({ ...task, payloadText: new JsonText(nodes[i]?.get('payload')?.text ?? 'null') }));
}

/** @throws ProblemError when a success is not JSON, such as the login page of a proxy */
function parsed<T>({ text, status }: Answer): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ProblemError({ code: 'UNEXPECTED_ANSWER', status, detail: text.slice(0, 200) });
  }
}
