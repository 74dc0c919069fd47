// How long one request holds up the others: a neighbour reads a tiny workflow while the request is answered.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BOMBS, randomBomb } from './bombs.mjs';
import { startRedis, startService, temporaryFolder } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const JSON_TYPE = { 'content-type': 'application/json' };
const TARGET_MS = 100;

export async function benchStalls({ engines, rounds, random }) {
  const rows = [];
  for (const engine of engines) {
    const redis = engine === 'redis' ? await startRedis() : undefined;
    const env = redis ? { REDIS_URL: `redis://127.0.0.1:${redis.port}` } : { DATA_DIR: temporaryFolder() };
    const service = await startService({ ...env, RATE_LIMIT_ENABLED: 'false' });
    await send(service.url, { method: 'PUT', path: '/v1/workflows/tiny/state', body: '1' });
    const neighbour = startNeighbour(`${service.url}/v1/workflows/tiny/state`);
    const bombs = Object.entries(BOMBS);
    for (let seed = 1; seed <= random; seed++) bombs.push([`random patch ${seed}`, randomBomb(seed)]);
    const idle = await idleWait(neighbour);
    for (const [name, bomb] of bombs)
      rows.push({ engine, name, ...(await worst(service.url, bomb, neighbour, rounds)) });
    neighbour.stop();
    await service.stop();
    await redis?.stop();
    print(
      engine,
      idle,
      rows.filter((row) => row.engine === engine),
    );
  }
  return rows;
}

/** The longest wait of several tries. */
async function worst(url, bomb, neighbour, rounds) {
  let longest = { wait: 0, took: 0, status: 0 };
  for (let round = 0; round < rounds; round++) {
    await prepare(url, bomb);
    await neighbour.longest();
    const started = performance.now();
    const status = await send(url, bomb);
    const took = performance.now() - started;
    const wait = await neighbour.longest();
    if (wait > longest.wait) longest = { wait, took, status };
  }
  return { ...longest, bytes: bomb.body?.length ?? 0 };
}

async function prepare(url, { states, versions }) {
  const written = Object.entries(states);
  if (versions !== undefined) {
    await send(url, { method: 'DELETE', path: '/v1/workflows/bomb' });
    for (const state of versions) written.push(['bomb', state]);
  }
  for (const [id, state] of written) {
    const status = await send(url, { method: 'PUT', path: `/v1/workflows/${id}/state`, body: state });
    if (status >= 300) throw new Error(`The state of a request was refused: ${status}`);
  }
}

async function send(url, { method, path, type, body }) {
  const headers = body === undefined ? {} : { ...JSON_TYPE, ...(type && { 'content-type': type }) };
  const answer = await fetch(url + path, { method, headers, ...(body !== undefined && { body }) });
  await answer.arrayBuffer();
  return answer.status;
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

/** The longest wait of half a second in which nothing else is asked. */
async function idleWait(neighbour) {
  await neighbour.longest();
  await new Promise((done) => setTimeout(done, 500));
  return neighbour.longest();
}

function print(engine, idle, rows) {
  const worstTen = rows.toSorted((a, b) => b.wait - a.wait).slice(0, 10);
  process.stdout.write(
    `\nStalls, ${engine}: ${rows.length} requests; idle ${idle.toFixed(0)} ms, target ${TARGET_MS} ms\n`,
  );
  for (const { name, wait, took, status, bytes } of worstTen) {
    const mark = wait > TARGET_MS ? '!' : ' ';
    process.stdout.write(
      `${mark} ${name.padEnd(44)} neighbour waited ${wait.toFixed(0).padStart(5)} ms, took ${took.toFixed(0).padStart(5)} ms, ${status}, ${bytes} B\n`,
    );
  }
}
