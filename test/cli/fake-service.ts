import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any;
  /** performance.now() */
  readonly at: number;
}

export interface Told {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
}

/** An answer; 'cut' closes the connection instead, 'silence' never answers. */
export type Reply = Told | 'cut' | 'silence';

/** A service with scripted answers, over real HTTP. */
export class FakeService {
  readonly asked: Asked[] = [];
  #server = createServer((request, response) => void this.#answer(request, response));

  constructor(private readonly reply: (asked: Asked, count: number) => Reply | Promise<Reply>) {}

  static async start(reply: (asked: Asked, count: number) => Reply | Promise<Reply>): Promise<FakeService> {
    const service = new FakeService(reply);
    await new Promise<void>((listens) => service.#server.listen(0, '127.0.0.1', listens));
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests whose path ends in `path`. */
  askedFor(end: string): Asked[] {
    return this.asked.filter(({ path }) => path.endsWith(end));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const body = await text(request);
    const asked = {
      method,
      path,
      headers,
      text: body,
      body: body === '' ? undefined : JSON.parse(body),
      at: performance.now(),
    };
    this.asked.push(asked);
    const reply = await this.reply(asked, this.asked.length);
    if (reply === 'silence') return;
    if (reply === 'cut') {
      request.socket.destroy();
      return;
    }
    const content = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json));
    const type = reply.status >= 400 ? 'application/problem+json' : 'application/json';
    response.writeHead(reply.status, { 'content-type': type, ...reply.headers });
    response.end(content);
  }
}

export const problem = (status: number, code: string, more: object = {}, headers = {}): Told => ({
  status,
  headers,
  json: { type: 'about:blank', title: code, status, detail: `about ${code}`, code, ...more },
});

export const ok = (json: unknown): Told => ({ status: 200, json });
