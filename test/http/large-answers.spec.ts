import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';
import { until } from '../support/until.js';

const STATE = 'x'.repeat(900_000);
const IDS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven'];

describeService(
  'large answers',
  (service) => {
    const sockets: Socket[] = [];
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
    });

    const fill = async () => {
      for (const id of IDS) await service.put(`${WORKFLOWS}/${id}/state`, STATE);
    };
    /** Asks for more than the buffers of the system take, and reads nothing of the answer. */
    const askWithoutReading = () => {
      sockets.push(ask(service, IDS.slice(0, 9)));
    };
    const askForState = () => service.get(`${WORKFLOWS}/one/state`);

    describe('to a batch of ids', () => {
      it('have states of at most 8 MiB, and name the ids that are left out', async () => {
        await fill();
        const { json } = await service.post(`${WORKFLOWS}/batch-get`, { ids: ['nobody', ...IDS, 'somebody'] });
        const items = json.items as { id: string; missing?: true; omitted?: true; state?: string }[];
        expect(items.map(({ id }) => id)).toEqual(['nobody', ...IDS, 'somebody']);
        expect(items[0]).toEqual({ id: 'nobody', missing: true });
        expect(items.slice(1, 10).every(({ state }) => state === STATE)).toBe(true);
        expect(items.slice(10)).toEqual([...IDS.slice(9), 'somebody'].map((id) => ({ id, omitted: true })));
        const rest = await service.post(`${WORKFLOWS}/batch-get`, { ids: IDS.slice(9) });
        expect(rest.json.items).toHaveLength(2);
      });

      it('need each id once', async () => {
        const { status, json } = await service.post(`${WORKFLOWS}/batch-get`, { ids: ['one', 'one'] });
        expect([status, json.code]).toEqual([422, 'INVALID_BODY']);
      });
    });

    it('that were read do not end a pipelined request that waits longer', async () => {
      const { headers } = await service.put(`${WORKFLOWS}/one/state`, STATE);
      const waits = `If-None-Match: ${headers.get('etag')}\r\nPrefer: wait=3\r\nConnection: close\r\n`;
      const path = `${WORKFLOWS}/one/state`;
      const answers = await pipelined(service, [`GET ${path} HTTP/1.1\r\n`, `GET ${path} HTTP/1.1\r\n${waits}`]);
      expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 304']);
    });

    describe('that nobody reads', () => {
      const untilRefused = () =>
        until(async () => {
          askWithoutReading();
          return (await askForState()).status === 503;
        }, 'a large answer is refused');

      it('are refused beyond a bound, while all else goes on', async () => {
        await fill();
        await untilRefused();
        const refused = await askForState();
        expect(refused.json).toMatchObject({ code: 'TOO_MANY_ANSWERS_WAITING', status: 503 });
        expect(refused.headers.get('retry-after')).toBe('2');
        expect(refused.headers.get('etag')).toBeNull();
        expect((await service.put(`${WORKFLOWS}/one/state`, STATE)).status).toBe(204);
        expect((await service.get(`${WORKFLOWS}?limit=1`)).status).toBe(200);
        for (const socket of sockets.splice(0)) socket.destroy();
        await until(async () => (await askForState()).status === 200, 'there is room again');
      });

      it('give back their room when the connection ends, pipelined ones too', async () => {
        await fill();
        await until(async () => {
          // The connection takes only a part of the first answer, so that the others wait behind it.
          sockets.push(ask(service, IDS.slice(0, 7), IDS.slice(7, 8), IDS.slice(8, 9)));
          return (await askForState()).status === 503;
        }, 'a large answer is refused');
        for (const socket of sockets.splice(0)) socket.destroy();
        await until(async () => (await askForState()).status === 200, 'there is room again');
        const ofAll = () => service.post(`${WORKFLOWS}/batch-get`, { ids: IDS.slice(0, 9) });
        await until(async () => (await ofAll()).status === 200, 'there is room for the largest answer');
      });

      it('leave the state out of answers to writes', async () => {
        await fill();
        await untilRefused();
        const put = await service.put(`${WORKFLOWS}/one/state`, STATE);
        expect([put.status, put.headers.get('preference-applied'), put.text]).toEqual([204, 'return=minimal', '']);
        expect(put.headers.get('etag')).not.toBeNull();
        const created = await service.post(WORKFLOWS, { id: 'another', state: STATE });
        expect([created.status, created.headers.get('preference-applied'), created.text]).toEqual([
          201,
          'return=minimal',
          '',
        ]);
      });

      it('do not stop workers', async () => {
        await fill();
        await service.post('/v1/queues/large/tasks', { payload: STATE });
        await untilRefused();
        const claimed = await service.post('/v1/queues/large/claims', { worker: 'w' });
        expect(claimed.status).toBe(200);
      });

      it('are given up after a while', async () => {
        await fill();
        await untilRefused();
        await until(async () => (await askForState()).status === 200, 'there is room again');
      });
    });
  },
  { ANSWER_BUFFER_BYTES: '8800000', REQUEST_TIMEOUT: '2', HEADERS_TIMEOUT: '2' },
);

function ask(service: Service, ...batches: readonly (readonly string[])[]): Socket {
  const { port, hostname } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.pause();
  const head = ['POST /v1/workflows/batch-get HTTP/1.1', `Host: ${hostname}:${port}`, 'Content-Type: application/json'];
  const bodies = batches.map((ids) => JSON.stringify({ ids }));
  // In one piece: the server reads no further request while an answer waits.
  socket.write(bodies.map((body) => `${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`).join(''));
  return socket;
}

/** Sends the requests at once. Resolves with all that was answered, when the connection ends. */
async function pipelined(service: Service, requests: readonly string[]): Promise<string> {
  const { port, hostname } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  socket.write(requests.map((request) => `${request}Host: ${hostname}:${port}\r\n\r\n`).join(''));
  return text(socket);
}
