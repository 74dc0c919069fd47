import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { startRedisProcess, type RedisProcess } from '../redis-process.js';
import type { RunningRedis } from './redis-kind.js';

const TOKEN = 'token-of-the-bridge';

export interface RestRedis extends RunningRedis {
  readonly redis: RedisProcess;
  /** Requests executed so far. */
  readonly served: number;
  /** Executes the next request and cuts the connection instead of answering. */
  cutNextAnswer(): void;
}

/** A real Redis behind HTTP, in Upstash's protocol: a command, a list of them, or a transaction, as JSON; answers plain or in base64. */
export async function startRest(): Promise<RestRedis> {
  const redis = await startRedisProcess();
  const client = new Redis({ host: '127.0.0.1', port: redis.port, protocol: 2 });
  let [served, cuts] = [0, 0];

  async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: { error: 'Unauthorized' } };
    const body = JSON.parse(await text(request)) as unknown[];
    const encode = request.headers['upstash-encoding'] === 'base64' ? inBase64 : (value: unknown) => value;
    const one = ([name, ...args]: unknown[]) =>
      client.call(String(name), ...args.map(String)).then(
        (result) => ({ result: encode(result) }),
        (error: Error) => ({ error: error.message }),
      );
    served++;
    switch (request.url) {
      case '/':
        return one(body).then((reply) => ({ status: 'error' in reply ? 400 : 200, body: reply }));
      case '/pipeline':
        return { status: 200, body: await Promise.all((body as unknown[][]).map(one)) };
      case '/multi-exec': {
        const transaction = client.multi();
        for (const [name, ...args] of body as unknown[][]) transaction.call(String(name), ...args.map(String));
        const replies = (await transaction.exec()) ?? [];
        return {
          status: 200,
          body: replies.map(([error, result]) => (error ? { error: error.message } : { result: encode(result) })),
        };
      }
      default:
        return { status: 404, body: { error: 'ERR no such path' } };
    }
  }

  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      if (cuts > 0) {
        cuts--;
        request.socket.destroy();
        return;
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    redis,
    get served() {
      return served;
    },
    cutNextAnswer: () => void cuts++,
    env: { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: TOKEN },
    async stop() {
      server.closeAllConnections();
      server.close();
      client.disconnect();
      await redis.stop();
    },
  };
}

/** Upstash encodes all texts but the plain OK. */
function inBase64(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inBase64);
  return typeof value === 'string' && value !== 'OK' ? Buffer.from(value).toString('base64') : value;
}
