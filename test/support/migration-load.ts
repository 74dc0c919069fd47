import { Random } from '../contract/fuzz/random.js';
import { AS_OPERATOR } from './operator.js';

interface Answer {
  readonly status: number;
  readonly json: any; // oxlint-disable-line typescript/no-explicit-any -- bodies of every shape
}

export async function call(url: string, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text === '' ? undefined : JSON.parse(text) };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Makes a tenant with a key of its administrator; gives the key. */
export async function tenantWithKey(url: string, tenant: string): Promise<string> {
  await call(url, 'PUT', `/v1/tenants/${tenant}`, {}, AS_OPERATOR);
  const inside = { ...AS_OPERATOR, 'waymark-tenant': tenant };
  const { status, json } = await call(url, 'POST', '/v1/keys', { name: 'admin', role: 'admin' }, inside);
  if (status !== 201) throw new Error(`could not make a key: ${status} ${JSON.stringify(json)}`);
  return json.key as string;
}

export const idOf = (n: number): string => `case-${String(n).padStart(6, '0')}`;

const AT_ONCE = 50;

/** Creates workflows of two versions each, with all kinds of time to live, and an open task for every tenth. */
export async function fill(url: string, workflows: number, headers = {}): Promise<void> {
  for (let version = 1; version <= 2; version++) {
    for (let at = 0; at < workflows; at += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, workflows - at) }, (_, i) => at + i);
      const puts = numbers.map((n) => ({
        id: idOf(n),
        state: { n, version, status: ['draft', 'review', 'done'][n % 3], text: 'ä'.repeat(n % 200) },
        ttlSeconds: n % 7 === 0 ? null : 3600 + n,
      }));
      const enqueue = numbers
        .filter((n) => version === 2 && n % 10 === 0)
        .map((n) => ({
          queue: `q-${(n / 10) % 5}`,
          payload: { n },
          workflowId: idOf(n),
          priority: n % 10,
          ...(n % 20 === 0 && { delayMs: 3_600_000 }),
        }));
      const body = { puts, ...(enqueue.length > 0 && { enqueue }) };
      const { status, json } = await call(url, 'POST', '/v1/commits', body, headers);
      if (status !== 200) throw new Error(`could not fill: ${status} ${JSON.stringify(json)}`);
    }
  }
}

/** A client that writes all the time: puts, deletes, touches, and tasks through all their states. */
export class Writer {
  readonly #random: Random;
  #isStopped = false;
  #running: Promise<void> | undefined;
  writes = 0;

  constructor(
    private readonly url: string,
    private readonly workflows: number,
    seed: number,
  ) {
    this.#random = new Random(seed);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#step();
      this.writes++;
    }
  }

  async #step(): Promise<void> {
    const { url } = this;
    // The last tenth stays unchanged, so that etags taken before remain valid.
    const n = this.#random.below(Math.floor(this.workflows * 0.9));
    const path = `/v1/workflows/${idOf(n)}`;
    const kind = this.#random.below(10);
    if (kind < 4) await call(url, 'PUT', path, { state: { n, again: this.writes }, ttlSeconds: 7200 + n });
    else if (kind === 4) await call(url, 'DELETE', path);
    else if (kind === 5) await call(url, 'POST', `${path}/touch`, { ttlSeconds: 9000 + n });
    else if (kind === 6)
      await call(
        url,
        'PATCH',
        `${path}/state`,
        { patched: this.writes },
        { 'content-type': 'application/merge-patch+json' },
      );
    else if (kind === 7)
      await call(url, 'POST', `/v1/queues/q-${n % 5}/tasks`, { payload: { n }, workflowId: idOf(n) });
    else await this.#work(`q-${n % 5}`, kind === 8);
  }

  async #work(queue: string, isGood: boolean): Promise<void> {
    const { url } = this;
    const claimed = await call(url, 'POST', `/v1/queues/${queue}/claims`, {
      max: 1,
      leaseMs: 3_600_000,
      worker: 'load',
    });
    const [task] = (claimed.json?.tasks ?? []) as { id: string; leaseToken: string }[];
    if (task === undefined || this.#random.below(4) === 0) return;
    const { leaseToken } = task;
    if (isGood) await call(url, 'POST', `/v1/tasks/${task.id}/complete`, { leaseToken, result: { done: true } });
    else
      await call(url, 'POST', `/v1/tasks/${task.id}/fail`, {
        leaseToken,
        error: { code: 'LOAD', message: 'no', retryable: true },
        retryAfterMs: 3_600_000,
      });
  }
}

/** Digests by kind and id, of a service with this operator. */
export async function digests(url: string): Promise<Map<string, string>> {
  const response = await fetch(`${url}/v1/export?view=digests`, { headers: AS_OPERATOR });
  const lines = (await response.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  if (lines.at(-1)?.['kind'] !== 'end') throw new Error('the export was cut');
  return new Map(
    lines.slice(1, -1).map(({ kind, tenant, id, digest }) => {
      return [`${kind} ${tenant === 'default' ? '' : `${tenant}/`}${id}`, digest as string] as const;
    }),
  );
}
