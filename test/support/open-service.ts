import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { serveBuilt } from './built-service.js';

export interface OpenService {
  readonly url: string;
  readonly app: NestFastifyApplication;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Called>;
  close(): Promise<void>;
}

export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly json: any; // oxlint-disable-line typescript/no-explicit-any -- tests look into bodies of every shape
}

/** The service in this process, with these settings. `docs`: with the pages at /docs. */
export async function openService(
  env: Readonly<Record<string, string>>,
  { docs = false }: { readonly docs?: boolean } = {},
): Promise<OpenService> {
  const app = await serveBuilt(env, docs);
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    url,
    app,
    async call(method, path, body, headers = {}) {
      const answer = await fetch(url + path, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, json: text === '' ? {} : JSON.parse(text) };
    },
    close: () => app.close(),
  };
}
