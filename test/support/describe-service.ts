import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { serveBuilt } from './built-service.js';
import { fastDirectory } from './fast-directory.js';
import { OpenApiChecker } from './openapi-checker.js';
import { chosenKinds, REDIS_KINDS, type RedisKind } from './redis-kinds/kinds.js';
import type { RunningRedis } from './redis-kinds/redis-kind.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed body of a JSON answer. */
  readonly json: any; // oxlint-disable-line typescript/no-explicit-any -- tests look into bodies of every shape
}

export interface Asked {
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent unchanged, as JSON unless the headers say otherwise. */
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Sent as Authorization: Bearer; null sends none. That of the service by default. */
  readonly token?: string | null;
}

/** A running service. Every answer is checked against its OpenAPI document. */
export class Service {
  app!: NestFastifyApplication;
  url!: string;
  checker!: OpenApiChecker;
  /** ADMIN_TOKEN, if there is one; sent with every request that names no other. */
  token: string | undefined;
  #ids = 0;

  constructor(readonly engine: 'memory' | 'redis') {}

  /** A fresh id. */
  id(): string {
    return `case-${++this.#ids}`;
  }

  async call(
    method: string,
    path: string,
    { headers = {}, json, body, signal, token = this.token ?? null }: Asked = {},
  ): Promise<Answer> {
    const content = json === undefined ? body : JSON.stringify(json);
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(content !== undefined && { 'content-type': 'application/json' }),
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(content !== undefined && { body: content as string }),
      ...(signal && { signal }),
    });
    const text = await response.text();
    this.checker.check(method, new URL(this.url + path).pathname, response.status, response.headers, text);
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  get = (path: string, asked?: Asked) => this.call('GET', path, asked);
  put = (path: string, json: unknown, asked?: Asked) => this.call('PUT', path, { ...asked, json });
  post = (path: string, json: unknown, asked?: Asked) => this.call('POST', path, { ...asked, json });
  patch = (path: string, type: 'merge' | 'json', json: unknown, asked: Asked = {}) =>
    this.call('PATCH', path, {
      ...asked,
      json,
      headers: { 'content-type': `application/${type}-patch+json`, ...asked.headers },
    });
}

type Storage = 'memory' | RedisKind;

/** Cases send more requests at once than a user may. */
const UNLIMITED = { RATE_LIMIT_ENABLED: 'false' };

/**
 * Runs the cases over real HTTP on each engine, each with a directory or a Redis of its own: the embedded engine and one Redis
 * server, or the kinds of Redis that WAYMARK_REDIS_KINDS names.
 */
export function describeService(
  name: string,
  cases: (service: Service) => void,
  env: Record<string, string> = {},
  docs = false,
): void {
  describeOn(['memory', 'standalone'], name, cases, env, docs);
}

/** Like `describeService`, for clients and commands: they see no engine, so one is enough unless WAYMARK_REDIS_KINDS names kinds. */
export function describeClient(
  name: string,
  cases: (service: Service) => void,
  env: Record<string, string> = {},
): void {
  describeOn(['memory'], name, cases, env, false);
}

function describeOn(
  byDefault: readonly Storage[],
  name: string,
  cases: (service: Service) => void,
  env: Record<string, string>,
  docs: boolean,
): void {
  const kinds = chosenKinds([]);
  describe.each(kinds.length === 0 ? byDefault : kinds)(`${name}, on %s`, (storage) => {
    const service = new Service(storage === 'memory' ? 'memory' : 'redis');
    let directory: string;
    let redis: RunningRedis | undefined;

    beforeAll(async () => {
      directory = await fastDirectory('waymark-http-');
      if (storage !== 'memory') redis = await REDIS_KINDS[storage]();
      service.app = await serveBuilt({ ...(redis?.env ?? { DATA_DIR: directory }), ...UNLIMITED, ...env }, docs);
      service.url = (await service.app.getUrl()).replace('[::1]', '127.0.0.1');
      service.token = env['ADMIN_TOKEN'];
      const headers = { authorization: `Bearer ${service.token}` };
      const document = await fetch(`${service.url}/openapi.json`, service.token === undefined ? {} : { headers });
      service.checker = new OpenApiChecker((await document.json()) as never);
    });

    afterAll(async () => {
      await service.app.close();
      await redis?.stop();
      await rm(directory, { recursive: true, force: true });
    });

    cases(service);
  });
}

export const WORKFLOWS = '/v1/workflows';
