import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../contract/fuzz/random.js';
import type { Cluster, Replied } from '../support/deployment.js';
import type { History, Marked } from './outage-history.js';

/** What clients have seen of the service: how often it answered what, and how long that took. */
export class Seen {
  readonly answers: Record<string, number> = {};
  slowestMs = 0;
  /** An id that exists was said not to. */
  readonly lies: string[] = [];

  note(what: string, replied: Replied | undefined, ms: number): void {
    const name = replied === undefined ? `${what} lost` : `${what} ${replied.status} ${replied.storage}`;
    this.answers[name] = (this.answers[name] ?? 0) + 1;
    // A replica that was killed took its clients' patience with it.
    if (replied !== undefined) this.slowestMs = Math.max(this.slowestMs, ms);
  }
}

export interface Load {
  readonly cluster: Cluster;
  readonly history: History;
  readonly seen: Seen;
  readonly random: Random;
  /** Written by all. */
  readonly hot: readonly string[];
  /** Never written, and known to Redis alone. */
  readonly cold: readonly string[];
  isOver: boolean;
}

const PACE_MS = 8;
let marks = 0;

/** Writes and reads until it is over. Conditional and unconditional, with and without a key that makes a repeat safe. */
export async function client(load: Load): Promise<void> {
  const { cluster, random, hot, cold } = load;
  while (!load.isOver) {
    const replica = random.below(cluster.replicas.length);
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
        // Redis may say that there is none; for a replica on its own see the cold ones.
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
  const mark = `m${++marks}`;
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

/** With a key it is asked again, by whichever replica, until there is a certain answer. */
async function append(load: Load, replica: number, id: string, isRepeated: boolean): Promise<void> {
  const mark = `m${++marks}`;
  const headers = {
    'content-type': 'application/json-patch+json',
    ...(isRepeated && { 'idempotency-key': randomUUID() }),
  };
  const patch = [{ op: 'add', path: '/seen/-', value: mark }];
  for (let attempt = 0; attempt < 400; attempt++) {
    const at = isRepeated ? (replica + attempt) % load.cluster.replicas.length : replica;
    const done = await ask(load, 'append', at, 'PATCH', `/v1/workflows/${id}/state`, patch, headers);
    if (done?.status === 200) {
      // A repeat that is answered from a detached copy may name a version that its first attempt has made elsewhere.
      return load.history.acknowledge({ id, mark, etag: isRepeated ? null : done.etag }, done.storage);
    }
    if (done?.status === 404) load.seen.lies.push(`${id}: 404 by ${done.storage}`);
    const isUncertain = done === undefined || done.status === 503 || done.json?.code === 'IDEMPOTENCY_IN_PROGRESS';
    if (!isRepeated || !isUncertain || load.isOver) return;
    await sleep(20);
  }
}

/** Steps of a chain, each one commit that acknowledges, writes and enqueues the next. Asked again until it is answered for certain. */
export async function worker(load: Load, chains: readonly string[]): Promise<void> {
  const { cluster, random } = load;
  const queue = 'chains';
  while (!load.isOver) {
    const claimed = await ask(
      load,
      'claim',
      random.below(cluster.replicas.length),
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
        const done = await ask(load, 'step', random.below(cluster.replicas.length), 'POST', '/v1/commits', commit);
        if (done !== undefined && done.status < 500) break;
        await sleep(20);
      }
    }
    await sleep(PACE_MS);
  }
}

async function ask(
  { cluster, seen }: Load,
  what: string,
  replica: number,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Replied | undefined> {
  const started = performance.now();
  const replied = await cluster.call(replica, method, path, body, headers);
  seen.note(what, replied, performance.now() - started);
  return replied;
}
