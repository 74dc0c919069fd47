import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseLostError, ProblemError, TaskNotFoundError, WorkflowNotFoundError } from '../../client/index.js';
import type { ClaimedTask, WaymarkClient } from '../../client/index.js';

/** Checks one guarantee of the service: throws if it is broken, and removes what it wrote. */
export interface SmokeCheck {
  readonly name: string;
  run(client: WaymarkClient): Promise<void>;
}

const TTL_TIMEOUT_MS = 10_000;
const QUEUE_TIMEOUT_MS = 10_000;

/** Always the same queue, since a queue is listed for ever. Several smoke tests may use it at the same time. */
const QUEUE = 'waymark-smoke';

export const SMOKE_CHECKS: readonly SmokeCheck[] = [
  {
    name: 'WRITE',
    run: (client) =>
      withWorkflow(client, async (id) => {
        const state = { text: 'ä€😀\u0000', list: [], nothing: null };
        await client.putWorkflow(id, state, { ttlSeconds: 60 });
        const { state: read, version } = await client.getWorkflow(id);
        demand(JSON.stringify(read) === JSON.stringify(state), `another state was read back: ${JSON.stringify(read)}`);
        demand(version === 1, `the first write made version ${version}`);
      }),
  },
  {
    name: 'CAS',
    run: (client) =>
      withWorkflow(client, async (id) => {
        const { etag } = await client.putWorkflow(id, 0, { ttlSeconds: 60 });
        const race = [1, 2, 3].map((state) => client.putWorkflow(id, state, { ifMatch: etag }).catch(refusal));
        const codes = (await Promise.all(race)).map((outcome) => (typeof outcome === 'string' ? outcome : 'won'));
        const isExpected = codes.toSorted().join() === 'VERSION_CONFLICT,VERSION_CONFLICT,won';
        demand(isExpected, `the results of three writers of one version are ${codes.join(', ')}`);
      }),
  },
  {
    name: 'TTL',
    run: (client) =>
      withWorkflow(client, async (id) => {
        await client.putWorkflow(id, 'expires soon', { ttlSeconds: 1 });
        await client.getWorkflow(id);
        const end = Date.now() + TTL_TIMEOUT_MS;
        while (!(await isGone(() => client.getWorkflow(id)))) {
          demand(Date.now() < end, `a workflow with one second to live was there after ${TTL_TIMEOUT_MS} ms`);
          await sleep(50);
        }
      }),
  },
  { name: 'QUEUE', run: workOnTask },
];

/** The task ends as dead, because only dead tasks can be removed at once. */
async function workOnTask(client: WaymarkClient): Promise<void> {
  const expiresAt = new Date(Date.now() + 60_000).toISOString();
  const { id } = await client.enqueue(QUEUE, { payload: { smoke: true }, maxAttempts: 1, expiresAt });
  let isDead = false;
  try {
    const task = await claimOne(client, id);
    demand(JSON.stringify(task.payload) === '{"smoke":true}', 'another payload was delivered');
    await client.heartbeat(task, 10_000);
    const foreign = { id, leaseToken: `not-${task.leaseToken}` };
    const answer = await client.complete(foreign, null).catch((error: unknown) => error);
    demand(answer instanceof LeaseLostError, 'an invented lease token was accepted');
    const { status } = await client.fail(task, { code: 'SMOKE', message: 'as planned', retryable: false });
    isDead = status === 'dead';
    demand(isDead, `a final failure left the task ${status}`);
  } finally {
    if (isDead) await client.purgeDead(QUEUE, { ids: [id] });
    else await client.cancel(id, { force: true }).catch(() => undefined);
  }
  demand(await isGone(() => client.getTask(id)), 'a removed task was still there');
}

/** Releases tasks of smoke tests that run at the same time. */
async function claimOne(client: WaymarkClient, id: string): Promise<ClaimedTask> {
  const claim = { worker: 'waymark-smoke', max: 50, leaseMs: 10_000, waitMs: 1000 };
  for (const end = Date.now() + QUEUE_TIMEOUT_MS; Date.now() < end;) {
    const tasks = await client.claim(QUEUE, { ...claim, claimId: crypto.randomUUID() });
    const others = tasks.filter((task) => task.id !== id);
    await Promise.all(others.map((task) => client.release(task).catch(() => undefined)));
    const mine = tasks.find((task) => task.id === id);
    if (mine !== undefined) return mine;
  }
  throw new Error(`an enqueued task was not delivered within ${QUEUE_TIMEOUT_MS} ms`);
}

async function withWorkflow(client: WaymarkClient, work: (id: string) => Promise<void>): Promise<void> {
  const id = `waymark-smoke-${crypto.randomUUID()}`;
  try {
    await work(id);
  } finally {
    await client.deleteWorkflow(id).catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
  }
}

async function isGone(read: () => Promise<unknown>): Promise<boolean> {
  try {
    await read();
    return false;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof TaskNotFoundError) return true;
    throw error;
  }
}

function refusal(error: unknown): string {
  if (error instanceof ProblemError) return error.code;
  throw error;
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
