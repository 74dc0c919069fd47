import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ALWAYS_ON_DISK, startRedisProcess, type RedisProcess } from './redis-process.js';
import { startService, type ServiceProcess } from './service-process.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';

export const COMMAND_MS = 1000;

export interface Replied {
  readonly status: number;
  readonly storage: string;
  readonly etag: string | null;
  readonly json: any; // oxlint-disable-line typescript/no-explicit-any -- bodies of every shape
}

/** The replicas as one caller sees them. */
export type Replicas = Pick<Deployment, 'replicas' | 'call'>;

/** A Redis with fsync on every write, and replicas of the built service, each with its own proxy to Redis and its own data directory. */
export class Deployment {
  readonly replicas: ServiceProcess[] = [];
  readonly proxies: TcpProxy[] = [];

  private constructor(
    readonly redis: RedisProcess,
    private readonly directory: string,
    private readonly fallback: 'memory' | 'none',
    private readonly adminToken: string | undefined,
  ) {}

  /** With a token of an operator, the replicas serve only callers with a credential. */
  static async start(fallback: 'memory' | 'none', replicas: number, adminToken?: string): Promise<Deployment> {
    const redis = await startRedisProcess(...ALWAYS_ON_DISK);
    const deployment = new Deployment(redis, await mkdtemp(join(tmpdir(), 'waymark-outage-')), fallback, adminToken);
    for (let i = 0; i < replicas; i++) deployment.proxies.push(await startProxy(redis.port));
    deployment.replicas.push(...(await Promise.all(deployment.proxies.map((_, i) => deployment.launch(i)))));
    return deployment;
  }

  launch(i: number): Promise<ServiceProcess> {
    return startService({
      REDIS_URL: `redis://127.0.0.1:${this.proxies[i]?.port}`,
      REDIS_FALLBACK: this.fallback,
      REDIS_SOCKET_TIMEOUT: `${COMMAND_MS}ms`,
      REDIS_SOCKET_CONNECT_TIMEOUT: `${COMMAND_MS}ms`,
      WORKFLOW_HISTORY_LIMIT: '1000',
      WORKFLOW_HISTORY_MAX_BYTES: '67108864',
      DATA_DIR: join(this.directory, String(i)),
      ...(this.adminToken !== undefined && { ADMIN_TOKEN: this.adminToken }),
    });
  }

  async stop(): Promise<void> {
    this.redis.resume();
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    await this.redis.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** The replicas for the holder of a key. */
  as(key: string): Replicas {
    return {
      replicas: this.replicas,
      call: (i, method, path, body, headers = {}) =>
        this.call(i, method, path, body, { authorization: `Bearer ${key}`, ...headers }),
    };
  }

  /** As the operator, if there is one. Undefined without any answer: the replica was killed. */
  async call(
    i: number,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Replied | undefined> {
    try {
      const answer = await fetch(`${this.replicas[i]?.url}${path}`, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(this.adminToken !== undefined && { authorization: `Bearer ${this.adminToken}` }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return {
        status: answer.status,
        storage: answer.headers.get('x-waymark-storage') ?? '',
        etag: answer.headers.get('etag'),
        json: text.startsWith('{') ? JSON.parse(text) : undefined,
      };
    } catch {
      return undefined;
    }
  }

  /** Waits until every replica works with Redis again, and gives the milliseconds that took. */
  async allAttached(withinMs: number): Promise<number> {
    const started = performance.now();
    for (let i = 0; i < this.replicas.length; i++) {
      for (;;) {
        const health = await this.call(i, 'GET', '/health');
        const storage = health?.json?.details?.storage;
        if (health?.status === 200 && (storage?.mode ?? 'attached') === 'attached') break;
        if (performance.now() - started > withinMs) {
          throw new Error(
            `replica ${i} is not attached after ${withinMs} ms: ${JSON.stringify(health)}\n${this.replicas[i]?.log().slice(-2000)}`,
          );
        }
        await sleep(20);
      }
    }
    return performance.now() - started;
  }
}
