// A service that is measured for stalls: what one request costs its event loop, and how long it holds Redis.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startProbedService, startRedis, temporaryFolder } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** Work goes on after the answer: of the journal, and of commands that nobody waits for. */
const AFTERWARDS_MS = 30;
/** Token for the routes of operators. */
const OPERATOR = 'operator-of-the-bench';

export async function startTarget(engine, maxStateBytes) {
  const redis = engine === 'redis' ? await startRedis() : undefined;
  const commands = redis && (await slowLog(redis.port));
  const storage = redis ? { REDIS_URL: `redis://127.0.0.1:${redis.port}` } : { DATA_DIR: temporaryFolder() };
  const service = await startProbedService({
    ...storage,
    RATE_LIMIT_ENABLED: 'false',
    ACCESS: 'open',
    ADMIN_TOKEN: OPERATOR,
    MAX_STATE_BYTES: String(maxStateBytes),
  });
  await send(service.url, { method: 'PUT', path: '/v1/workflows/tiny/state', type: 'application/json', body: '1' });
  const neighbour = startNeighbour(`${service.url}/v1/workflows/tiny/state`);
  let tries = 0;

  /** Longest turn of the event loop in CPU time, longest wait of the neighbour, longest command of Redis. */
  async function measure(bomb) {
    const number = String(++tries);
    const request = await prepared(service.url, bomb, number);
    await sleep(AFTERWARDS_MS);
    await Promise.all([neighbour.longest(), service.longestTurn(), commands?.longest()]);
    const started = performance.now();
    const { status, answer } = await send(service.url, request, number);
    const took = performance.now() - started;
    await sleep(AFTERWARDS_MS);
    const [wait, turn, held = 0] = await Promise.all([neighbour.longest(), service.longestTurn(), commands?.longest()]);
    return { turn, wait, held, took, status, sent: request.body?.length ?? 0, answered: answer.length };
  }

  return {
    measure,
    async stop() {
      neighbour.stop();
      commands?.stop();
      await service.stop();
      await redis?.stop();
    },
  };
}

/** Sends what the bomb needs; returns its request. */
async function prepared(url, { before, request }, number) {
  const answers = [];
  const ahead = [...before];
  for (let step = ahead.shift(); step !== undefined; step = ahead.shift()) {
    if (typeof step === 'function') {
      ahead.unshift(...[step(answers)].flat());
      continue;
    }
    const { status, answer } = await send(url, step, number);
    if (status >= 300 && step.method !== 'DELETE')
      throw new Error(`${step.method} ${step.path} was refused: ${status} ${answer.toString().slice(0, 300)}`);
    if (answer.length < 1_000_000 && answer[0] === 0x7b) answers.push(JSON.parse(answer.toString()));
  }
  return typeof request === 'function' ? request(answers) : request;
}

async function send(url, { method, path, type, body, headers }, number = '0') {
  const named = (text) => (text.includes('%n') ? text.replaceAll('%n', number) : text);
  const init = {
    method,
    headers: {
      ...(type && { 'content-type': type }),
      ...(/^\/v1\/(import|export)/.test(path) && { authorization: `Bearer ${OPERATOR}` }),
      ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, named(value)])),
    },
    ...(body !== undefined && { body: named(body) }),
  };
  try {
    const response = await fetch(url + named(path), init);
    return { status: response.status, answer: Buffer.from(await response.arrayBuffer()) };
  } catch (error) {
    throw new Error(`${method} ${path} got no answer`, { cause: error });
  }
}

/** The longest command since the last call, in milliseconds. */
async function slowLog(port) {
  const redis = new Redis(port, '127.0.0.1');
  await redis.config('SET', 'slowlog-log-slower-than', '200');
  await redis.config('SET', 'slowlog-max-len', '10000');
  return {
    async longest() {
      const entries = await redis.slowlog('GET', '-1');
      await redis.slowlog('RESET');
      return Math.max(0, ...entries.map(([, , micros]) => micros)) / 1000;
    },
    stop: () => redis.disconnect(),
  };
}

function startNeighbour(url) {
  const child = spawn(process.execPath, [join(here, 'neighbour.mjs'), url], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  return {
    async longest() {
      child.stdin.write('\n');
      const [line] = await once(lines, 'line');
      return Number(line);
    },
    stop: () => child.kill('SIGKILL'),
  };
}
