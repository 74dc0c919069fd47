import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../contract/fuzz/random.js';
import type { Replicas, Replied } from '../support/deployment.js';
import type { History, Marked } from './outage-history.js';

/** Answers by kind, and the slowest of them. */
export class Seen {
  readonly answers: Record<string, number> = {};
  slowestMs = 0;
  /** Answers 404 for an id that exists, 200 for one that does not, 401 and 403 for a valid key. */
  readonly lies: string[] = [];

  note(what: string, replied: Replied | undefined, ms: number): void {
    const name = replied === undefined ? `${what} lost` : `${what} ${replied.status} ${replied.storage}`;
    this.answers[name] = (this.answers[name] ?? 0) + 1;
    // Lost answers are those of a killed replica and say nothing about its speed.
    if (replied !== undefined) this.slowestMs = Math.max(this.slowestMs, ms);
  }
}

export interface Load {
  readonly deployment: Replicas;
  readonly history: History;
  readonly seen: Seen;
  readonly random: Random;
  /** Workflows that all clients write. */
  readonly hot: readonly string[];
  /** Workflows that only Redis has: no replica has read or written them. */
  readonly cold: readonly string[];
  isOver: boolean;
}

const PACE_MS = 8;
let marks = 0;

/** Writes and reads until the load is over: with and without conditions, with and without an idempotency key. */
export async function client(load: Load): Promise<void> {
  const { deployment, random, hot, cold } = load;
  while (!load.isOver) {
    const replica = random.below(deployment.replicas.length);
    const id = random.pick(hot);
    switch (random.weighted({ compareAndSet: 3, append: 4, repeated: 2, cold: 1, missing: 1 })) {
      case 'compareAndSet':
        await compareAndSet(load, replica, id);
        break;
      case 'append':
        await append(load, replica, id, false);
        break;
      case 'repeated':
        await append(load, replica, id, true);
        break;
      case 'cold': {
        const one = random.pick(cold);
        const replied = await ask(load, 'read cold', replica, 'GET', `/v1/workflows/${one}`);
        if (replied !== undefined && replied.status !== 200 && replied.status !== 503) {
          load.seen.lies.push(`${one}: ${replied.status} by ${replied.storage}`);
        }
        break;
      }
      default: {
        // An attached replica answers 404; detached ones are covered by the cold workflows.
        const replied = await ask(load, 'read missing', replica, 'GET', `/v1/workflows/none-${marks}`);
        if (replied?.status === 200) load.seen.lies.push(`none-${marks}: 200`);
      }
    }
    await sleep(PACE_MS);
  }
}

async function compareAndSet(load: Load, replica: number, id: string): Promise<void> {
  const read = await ask(load, 'read', replica, 'GET', `/v1/workflows/${id}`);
  if (read?.status === 404) load.seen.lies.push(`${id}: 404 by ${read.storage}`);
  if (read?.status !== 200) return;
  const mark = `${load.history.name}${++marks}`;
  const state = { seen: [...(read.json.state as Marked).seen, mark] };
  const written = await ask(
    load,
    'put',
    replica,
    'PUT',
    `/v1/workflows/${id}`,
    { state },
    { 'if-match': String(read.etag) },
  );
  if (written?.status === 200) load.history.acknowledge({ id, mark, etag: written.etag }, written.storage);
}

/** With a key, the append is repeated on any replica until the answer is final. */
async function append(load: Load, replica: number, id: string, isRepeated: boolean): Promise<void> {
  const mark = `${load.history.name}${++marks}`;
  const headers = {
    'content-type': 'application/json-patch+json',
    ...(isRepeated && { 'idempotency-key': randomUUID() }),
  };
  const patch = [{ op: 'add', path: '/seen/-', value: mark }];
  for (let attempt = 0; attempt < 400; attempt++) {
    const at = isRepeated ? (replica + attempt) % load.deployment.replicas.length : replica;
    const done = await ask(load, 'append', at, 'PATCH', `/v1/workflows/${id}/state`, patch, headers);
    if (done?.status === 200) {
      // A repeat that a detached replica answers may name a version that its first attempt made elsewhere.
      return load.history.acknowledge({ id, mark, etag: isRepeated ? null : done.etag }, done.storage);
    }
    if (done?.status === 404) load.seen.lies.push(`${id}: 404 by ${done.storage}`);
    const isUncertain = done === undefined || done.status === 503 || done.json?.code === 'IDEMPOTENCY_IN_PROGRESS';
    if (!isRepeated || !isUncertain || load.isOver) return;
    await sleep(20);
  }
}

/** Takes steps of chains. A step is one commit that acknowledges, writes and enqueues the next, repeated until the answer is final. */
export async function worker(load: Load, chains: readonly string[]): Promise<void> {
  const { deployment, random } = load;
  const queue = 'chains';
  while (!load.isOver) {
    const claimed = await ask(
      load,
      'claim',
      random.below(deployment.replicas.length),
      'POST',
      `/v1/queues/${queue}/claims`,
      {
        leaseMs: 5000,
      },
    );
    for (const { id: taskId, leaseToken, workflowId, payload } of claimed?.json?.tasks ?? []) {
      if (!chains.includes(workflowId as string)) throw new Error(`task of ${workflowId}`);
      const { step } = payload as { step: number };
      const commit = {
        ack: { taskId, leaseToken },
        patches: [{ id: workflowId, patch: [{ op: 'add', path: '/steps/-', value: step }] }],
        enqueue: [{ queue, payload: { step: step + 1 }, workflowId, maxAttempts: 1000, backoffMs: [10] }],
      };
      for (let attempt = 0; attempt < 400 && !load.isOver; attempt++) {
        const done = await ask(load, 'step', random.below(deployment.replicas.length), 'POST', '/v1/commits', commit);
        if (done !== undefined && done.status < 500) break;
        await sleep(20);
      }
    }
    await sleep(PACE_MS);
  }
}

async function ask(
  { deployment, seen }: Load,
  what: string,
  replica: number,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Replied | undefined> {
  const started = performance.now();
  const replied = await deployment.call(replica, method, path, body, headers);
  seen.note(what, replied, performance.now() - started);
  if (replied?.status === 401 || replied?.status === 403)
    seen.lies.push(`${what}: a valid key was refused with ${replied.status} by ${replied.storage}`);
  return replied;
}
