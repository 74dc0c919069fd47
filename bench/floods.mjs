// How much memory floods of requests take: clients that do not read, large and slow bodies, and requests with keys whose
// outcomes are kept. Resident memory is read from the operating system while each flood runs, and after it.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes, startRedis, startService, temporaryFolder } from './processes.mjs';

const MIB = 1024 * 1024;
const SAMPLE_MS = 50;
/** Heap of the service. The budget contains it. */
const HEAP_MIB = 1024;
/** Share of the budget that memory may reach. */
const MOST = 1.5;
/** Time that memory has to come back after a flood. */
const REST_MS = 10_000;
const TENS = Array.from({ length: 10 }, (_, i) => i);
const FOUR = TENS.slice(0, 4);
const large = `"${'x'.repeat(1_000_000)}"`;
const document = JSON.stringify({ text: 'x'.repeat(1_000_000), n: 0 });
const MERGE_PATCH = 'application/merge-patch+json';
const middle = JSON.stringify({ text: 'x'.repeat(16_000), n: 0 });

/** Each flood runs until `isOver()`. */
const FLOODS = {
  'commits with keys: 50 patches of 16 KB states': (at) =>
    at.clients(4, async (send, isOver) => {
      for (let n = 0; !isOver(); n++) {
        const patches = Array.from({ length: 50 }, (_, i) => ({ id: `middle-${i}`, merge: { n } }));
        await send('POST', '/v1/commits', JSON.stringify({ patches }), { 'idempotency-key': crypto.randomUUID() });
      }
    }),
  'patches with keys of a 16 KB state': (at) =>
    at.clients(16, async (send, isOver) => {
      for (let n = 0; !isOver(); n++)
        await send('PATCH', '/v1/workflows/middle-1/state', `{"n":${n}}`, {
          'content-type': 'application/merge-patch+json',
          'idempotency-key': crypto.randomUUID(),
        });
    }),
  'unread batch-gets': (at) =>
    at.sockets(200, post('/v1/workflows/batch-get', JSON.stringify({ ids: TENS.map((i) => `large-${i}`) })).repeat(5)),
  'unread states of 1 MB, 20 requests on each connection': (at) =>
    at.sockets(500, get('/v1/workflows/large-1/state').repeat(20)),
  'patches of a 1 MB state, 20 requests on each connection': (at) =>
    at.sockets(500, request('PATCH', '/v1/workflows/document-1/state', '{"n":1}', MERGE_PATCH).repeat(20)),
  'unread lists with states': (at) => at.sockets(200, get('/v1/workflows?include=state&idPrefix=large').repeat(5)),
  'lists with states, read': (at) =>
    at.clients(100, async (send, isOver) => {
      while (!isOver()) await send('GET', '/v1/workflows?include=state&idPrefix=large');
    }),
  'batch-gets, read': (at) =>
    at.clients(200, async (send, isOver) => {
      const body = JSON.stringify({ ids: TENS.map((i) => `large-${i}`) });
      while (!isOver()) await send('POST', '/v1/workflows/batch-get', body);
    }),
  'states of 1 MB, written': (at) =>
    at.clients(300, async (send, isOver, i) => {
      while (!isOver()) await send('PUT', `/v1/workflows/large-${i % 10}/state`, large);
    }),
  'commits of 4 MB': (at) =>
    at.clients(60, async (send, isOver) => {
      const puts = `{"puts":[${FOUR.map((i) => `{"id":"large-${i}","state":${large}}`).join(',')}]}`;
      while (!isOver()) await send('POST', '/v1/commits', puts);
    }),
  'bodies of 1 MB that never end': (at) => at.sockets(1000, post('/v1/commits', large).slice(0, -1)),
  'bodies of 4 MB that never end': (at) =>
    at.sockets(100, post('/v1/commits', `[${`${large},`.repeat(4)}1]`).slice(0, -1)),
  'headers that never end': (at) => at.sockets(3000, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(15_000)}`),
  'unread events with states': async (at) => {
    await at.sockets(200, get('/v1/events?include=state', 'Accept: text/event-stream\r\n'), () =>
      at.clients(2, async (send, isOver, i) => {
        for (let n = 0; !isOver(); n++) await send('PUT', `/v1/workflows/large-${i}/state`, large);
      }),
    );
  },
  'unread WebSockets': async (at) => {
    const upgrade =
      'GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`;
    await at.sockets(200, Buffer.concat([Buffer.from(upgrade), frame('{"type":"subscribe","channel":"flood"}')]), () =>
      at.clients(2, async (send, isOver) => {
        const notice = JSON.stringify({ type: 'flood', payload: 'x'.repeat(60_000) });
        while (!isOver()) await send('POST', '/v1/channels/flood/messages', notice);
      }),
    );
  },
  'waits for changes': (at) =>
    at.sockets(
      500,
      `GET /v1/workflows/large-2 HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\nIf-None-Match: *\r\n\r\n`.repeat(10),
    ),
};

export async function benchFloods({ engines, minutes, only }) {
  const rows = [];
  const seconds = (minutes * 60) / Object.keys(FLOODS).length;
  const floods = Object.entries(FLOODS).filter(
    ([name]) => only.length === 0 || only.some((word) => name.toLowerCase().includes(word)),
  );
  for (const engine of engines) {
    const redis = engine === 'redis' ? await startRedis() : undefined;
    const env = redis ? { REDIS_URL: `redis://127.0.0.1:${redis.port}` } : { DATA_DIR: temporaryFolder() };
    const start = () => startService({ ...env, RATE_LIMIT_ENABLED: 'false' }, [`--max-old-space-size=${HEAP_MIB}`]);
    let service = await start();
    await prepare(service.url);
    const budget = await budgetOf(service.url);
    process.stdout.write(`\nFloods, ${engine}: at rest ${mib(residentBytes(service.pid))}, budget ${mib(budget)}\n`);
    for (const [name, flood] of floods) {
      const row = { engine, name, budget, ...(await during(service, flood, seconds)) };
      print(row);
      rows.push(row);
    }
    await service.stop();
    service = await start();
    process.stdout.write(`After a restart ${mib(residentBytes(service.pid))}\n`);
    await service.stop();
    const peak = Math.max(...rows.filter((row) => row.engine === engine).map((row) => row.peak));
    process.stdout.write(`Highest ${mib(peak)}, ${(peak / budget).toFixed(2)} of the budget\n`);
    await redis?.stop();
  }
  return rows;
}

async function budgetOf(url) {
  const health = await (await fetch(`${url}/health`)).json();
  return health.details.memory.budgetBytes;
}

async function prepare(url) {
  const put = async (id, state) => {
    const answer = await fetch(`${url}/v1/workflows/${id}/state`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: state,
    });
    if (!answer.ok) throw new Error(`The state was refused: ${answer.status}`);
  };
  for (const i of TENS) await put(`large-${i}`, large);
  await put('document-1', document);
  for (let i = 0; i < 50; i++) await put(`middle-${i}`, middle);
}

async function during({ url, pid }, flood, seconds) {
  const statuses = {};
  const endsAt = performance.now() + seconds * 1000;
  const isOver = () => performance.now() >= endsAt;
  const count = (status) => (statuses[status] = (statuses[status] ?? 0) + 1);
  const at = {
    clients: (number, work) =>
      Promise.all(
        Array.from({ length: number }, (_, i) =>
          work(
            async (method, path, body, headers) => {
              try {
                const answer = await fetch(url + path, {
                  method,
                  ...(body !== undefined && { body }),
                  headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
                });
                await answer.arrayBuffer();
                count(answer.status);
              } catch (error) {
                count(error.cause?.code ?? error.message);
                await sleep(100);
              }
            },
            isOver,
            i,
          ),
        ),
      ),
    async sockets(number, bytes, meanwhile) {
      const { port } = new URL(url);
      const sockets = Array.from({ length: number }, () => {
        const socket = connect(Number(port), '127.0.0.1').pause();
        socket.on('error', () => count('reset'));
        socket.write(bytes);
        return socket;
      });
      if (meanwhile) await meanwhile();
      while (!isOver()) await sleep(100);
      for (const socket of sockets) socket.destroy();
    },
  };
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, residentBytes(pid))), SAMPLE_MS);
  await flood(at);
  await sleep(REST_MS);
  clearInterval(timer);
  return { peak, after: residentBytes(pid), statuses };
}

function print({ name, peak, after, statuses, budget }) {
  const answers = Object.entries(statuses).map(([status, count]) => `${count} × ${status}`);
  const mark = peak > MOST * budget ? '!' : ' ';
  process.stdout.write(
    `${mark} ${name.padEnd(54)} peak ${mib(peak).padStart(8)}, afterwards ${mib(after).padStart(8)}  ${answers.join(', ')}\n`,
  );
}

const mib = (bytes) => `${(bytes / MIB).toFixed(0)} MiB`;
const get = (path, headers = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
const request = (method, path, body, type) =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const post = (path, body) => request('POST', path, body, 'application/json');

/** A text frame of a client, masked with zeros. */
function frame(text) {
  const head = Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]);
  return Buffer.concat([head, Buffer.from(text)]);
}
