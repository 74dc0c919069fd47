import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { until } from '../support/until.js';
import { startService, type ServiceProcess } from '../support/service-process.js';

const WRITERS = 12;
/** Ends a failover that hangs; the report has the real time. */
const RECOVERED_WITHIN_MS = 90_000;

export interface Trouble {
  /** Breaks Redis while clients write; resolves when that is done. */
  readonly strike: () => Promise<void>;
  /** Whether acknowledged writes may be lost: those that Redis had not replicated. */
  readonly mayLose: boolean;
}

export interface FailoverReport {
  readonly acknowledged: number;
  readonly lost: number;
  readonly longestGapMs: number;
}

interface Counter {
  /** Values of `n` whose write was acknowledged, in order. */
  readonly acknowledged: number[];
  /** Highest `n` that was sent. */
  sent: number;
}

/**
 * Writers on two replicas. Each has a pair of workflows; one commit appends the next number to both. Every commit is repeated under
 * its key until the answer is final. Afterwards no commit may be there in one workflow only or twice, and only the newest may be
 * missing.
 */
export async function failOver(env: Readonly<Record<string, string>>, trouble: Trouble): Promise<FailoverReport> {
  // Without fallback, since this is about what Redis keeps.
  const times = { REDIS_FALLBACK: 'none', REDIS_SOCKET_TIMEOUT: '1s', REDIS_SOCKET_CONNECT_TIMEOUT: '1s' };
  const replicas = await Promise.all([1, 2].map(() => startService({ ...env, ...times, WORKFLOW_HISTORY_LIMIT: '0' })));
  try {
    return await underLoad(replicas, trouble);
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
  }
}

async function underLoad(replicas: readonly ServiceProcess[], { strike, mayLose }: Trouble): Promise<FailoverReport> {
  const state = { isOver: false };
  let [last, longestGapMs] = [performance.now(), 0];
  const counters = Array.from({ length: WRITERS }, (): Counter => ({ acknowledged: [], sent: -1 }));
  const ids = (writer: number) => [`left-${writer}`, `right-${writer}`];

  for (let writer = 0; writer < WRITERS; writer++) {
    const puts = ids(writer).map((id) => ({ id, state: { done: [] } }));
    expect((await ask(replicas, '/v1/commits', { puts })).status).toBe(200);
  }

  const writing = counters.map(async (counter, writer) => {
    while (!state.isOver) {
      const n = ++counter.sent;
      const patches = ids(writer).map((id) => ({ id, patch: [{ op: 'add', path: '/done/-', value: n }] }));
      const { status } = await ask(replicas, '/v1/commits', { patches });
      if (status !== 200) throw new Error(`a commit was answered ${status}`);
      counter.acknowledged.push(n);
      const now = performance.now();
      longestGapMs = Math.max(longestGapMs, now - last);
      last = now;
      await sleep(2);
    }
  });
  const failed = Promise.race(writing.map((one) => one.then(() => undefined)));

  await until(() => counters.every(({ acknowledged }) => acknowledged.length > 5), 'everybody writes');
  const before = counters.map(({ acknowledged }) => acknowledged.length);
  await Promise.race([strike(), failed]);
  const recovered = () => counters.every(({ acknowledged }, i) => acknowledged.length > (before[i] ?? 0) + 20);
  const end = performance.now() + RECOVERED_WITHIN_MS;
  while (!recovered()) {
    if (performance.now() > end) {
      const logs = replicas.map((replica) => linesOf(replica).slice(-20).join('\n')).join('\n\n');
      const written = counters.map(({ acknowledged }, i) => acknowledged.length - (before[i] ?? 0));
      throw new Error(`not everybody writes again within ${RECOVERED_WITHIN_MS} ms: ${written.join(' ')}\n${logs}`);
    }
    await Promise.race([sleep(20), failed]);
  }
  state.isOver = true;
  await Promise.all(writing);

  let [lost, acknowledged] = [0, 0];
  for (const [writer, counter] of counters.entries()) {
    const [left, right] = await Promise.all(
      ids(writer).map(async (id) => {
        const { json } = await ask(replicas, `/v1/workflows/${id}`);
        return json as { version: number; state: { done: number[] } };
      }),
    );
    const done = left?.state.done ?? [];
    // Each commit is in both workflows, as one version.
    expect(right?.state.done).toEqual(done);
    expect([left?.version, right?.version]).toEqual([done.length + 1, done.length + 1]);
    // No number twice, none out of order, and none that was never sent.
    expect(done).toEqual([...new Set(done)].toSorted((a, b) => a - b));
    expect(Math.max(...done)).toBeLessThanOrEqual(counter.sent);
    const missing = counter.acknowledged.filter((n) => !done.includes(n));
    // A failover loses the last writes before it, without a gap.
    const [first = 0] = missing;
    expect(missing).toEqual(counter.acknowledged.filter((n) => n >= first && n <= (missing.at(-1) ?? -1)));
    lost += missing.length;
    acknowledged += counter.acknowledged.length;
  }
  if (!mayLose) expect(lost).toBe(0);
  return { acknowledged, lost, longestGapMs: Math.round(longestGapMs) };
}

/** The log without requests. */
function linesOf(replica: ServiceProcess): string[] {
  return replica
    .log()
    .split('\n')
    .filter((line) => !line.includes('"msg":"request"'));
}

/** Asks one replica after the other under one key until the answer is final. */
async function ask(replicas: readonly ServiceProcess[], path: string, body?: object) {
  const key = randomUUID();
  for (let attempt = 0; ; attempt++) {
    const { url } = replicas[(attempt + Math.floor(Math.random() * 2)) % replicas.length] as ServiceProcess;
    const answer = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': key },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const json = (await answer.json()) as { code?: string };
    const isUncertain = answer.status >= 500 || json.code === 'IDEMPOTENCY_IN_PROGRESS';
    if (!isUncertain) return { status: answer.status, json };
    if (attempt > 3000) throw new Error(`${path} is answered ${answer.status} ${json.code} for ever`);
    await sleep(20);
  }
}
