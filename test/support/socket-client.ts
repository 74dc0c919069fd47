import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { WebSocket, type ClientOptions } from 'ws';
import { parse } from 'yaml';

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into messages of every shape
type Message = any;

const document = parse(readFileSync(resolve(import.meta.dirname, '../../docs/asyncapi.yaml'), 'utf8')) as {
  components: { messages: Record<string, { payload: object }>; schemas: Record<string, object> };
};
const ajv = new Ajv({ strict: false });
(addFormats as unknown as (ajv: Ajv) => void)(ajv);
for (const [name, schema] of Object.entries(document.components.schemas)) {
  ajv.addSchema(schema, `#/components/schemas/${name}`);
}
const validators = new Map<string, ValidateFunction>(
  Object.entries(document.components.messages).map(([name, { payload }]) => [name, ajv.compile(payload)]),
);
/** Messages of the document that tests have received or sent. */
export const met = new Set<string>();

/** @throws Error when the AsyncAPI document does not know the message. */
export function checkMessage(message: Message): void {
  const control = ['authenticated', 'subscribed', 'unsubscribed', 'pong', 'reset', 'resync', 'error'];
  const isControl = control.includes(message.type) && message.at === undefined;
  const name = isControl ? message.type : message.channel === undefined ? 'event' : 'published';
  const validate = validators.get(name) as ValidateFunction;
  if (!validate(message)) {
    throw new Error(`${JSON.stringify(message).slice(0, 300)} is no ${name}: ${ajv.errorsText(validate.errors)}`);
  }
  met.add(name);
}

/** A WebSocket client that checks every message against the AsyncAPI document. */
export class TestSocket {
  readonly messages: Message[] = [];
  readonly flaws: unknown[] = [];
  readonly #socket: WebSocket;
  code: number | undefined;
  /** Status of a refused upgrade, and its body. */
  refusal: { readonly status: number; readonly body: string } | undefined;

  constructor(url: string, options?: ClientOptions, protocols: string[] = []) {
    this.#socket = new WebSocket(url, protocols, options);
    this.#socket.on('message', (data) => {
      try {
        const message = JSON.parse(String(data)) as Message;
        checkMessage(message);
        this.messages.push(message);
      } catch (error) {
        this.flaws.push(error);
      }
    });
    this.#socket.on('close', (code) => (this.code = code));
    this.#socket.on('error', () => undefined);
    this.#socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        this.refusal = { status: response.statusCode ?? 0, body };
        this.#socket.terminate();
      });
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Messages that are no answers to requests. */
  get events(): Message[] {
    return this.messages.filter(({ at }) => at !== undefined);
  }

  async opened(): Promise<this> {
    if (this.#socket.readyState === WebSocket.CONNECTING) await once(this.#socket, 'open');
    return this;
  }

  send(message: Message): void {
    this.#socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.close();
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
