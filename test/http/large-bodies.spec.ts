import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';
import { until } from '../support/until.js';

const LARGE = JSON.stringify('x'.repeat(900_000));

describeService(
  'large bodies',
  (service) => {
    const senders: Sender[] = [];
    afterEach(() => {
      for (const sender of senders.splice(0)) sender.end();
    });
    const begin = (id: string, bytes = LARGE.length - 1) => {
      const sender = new Sender(service, id, LARGE.slice(0, bytes));
      senders.push(sender);
      return sender;
    };
    const bodies = ['one', 'two', 'three', 'four', 'five'];

    /** Begins bodies until one is refused. */
    const fillUp = async () => {
      for (const id of bodies) begin(id);
      await until(() => senders.some(({ answer }) => answer.includes('TOO_MANY_BODIES')), 'a body is refused');
    };

    it('without room are refused after a while, and small ones are not', async () => {
      await fillUp();
      const refused = senders.find(({ answer }) => answer.includes('TOO_MANY_BODIES')) as Sender;
      expect(refused.answer).toContain('HTTP/1.1 503');
      expect(refused.answer).toMatch(/retry-after: 2/i);
      expect((await service.put(`${WORKFLOWS}/small/state`, 'x')).status).toBe(201);
    });

    it('give back their room when their connection ends', async () => {
      await fillUp();
      for (const sender of senders.splice(0)) sender.end();
      for (const id of bodies) expect(await begin(id).finish()).toMatch(/HTTP\/1\.1 20[01]/);
    });

    it('may come in pieces of one byte, without a length', async () => {
      const { host, port } = addressOf(service);
      const socket = connect(port, host);
      const head = `PUT ${WORKFLOWS}/pieces/state HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\n`;
      const text = JSON.stringify('y'.repeat(20_000));
      socket.write(`${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`);
      socket.write([...text].map((byte) => `1\r\n${byte}\r\n`).join('') + '0\r\n\r\n');
      let answer = '';
      socket.on('data', (data) => (answer += data.toString()));
      await once(socket, 'close');
      expect(answer).toContain('HTTP/1.1 201');
      expect((await service.get(`${WORKFLOWS}/pieces/state`)).text).toBe(text);
    });
  },
  { BODY_BUFFER_BYTES: '1048576', REQUEST_TIMEOUT: '4', HEADERS_TIMEOUT: '2' },
);

const addressOf = ({ url }: Service) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });

/** Sends a body but for its last bytes. */
class Sender {
  answer = '';
  readonly #socket: Socket;
  readonly #rest: string;

  constructor(service: Service, id: string, begin: string) {
    const { host, port } = addressOf(service);
    this.#rest = LARGE.slice(begin.length);
    this.#socket = connect(port, host);
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (data) => (this.answer += data.toString()));
    const head = `PUT ${WORKFLOWS}/${id}/state HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json`;
    this.#socket.write(`${head}\r\nConnection: close\r\nContent-Length: ${LARGE.length}\r\n\r\n${begin}`);
  }

  async finish(): Promise<string> {
    this.#socket.write(this.#rest);
    await until(() => this.answer.includes('\r\n\r\n'), 'the request is answered');
    return this.answer;
  }

  end(): void {
    this.#socket.destroy();
  }
}
