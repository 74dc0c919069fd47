// Starts the measured processes, and reads their CPU and memory from the operating system.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const root = resolve(here, '..');
const children = new Set();
const folders = new Set();

export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-bench-'));
  folders.add(folder);
  return folder;
}

/** Kills all started processes and removes temporary folders. */
export function endAll() {
  const ended = [...children];
  children.clear();
  for (const child of ended) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** Characters of the output of a process that has ended. */
const MAX_OUTPUT = 4000;

function start(command, args, env, readyWhen, channels = [], onOutput = () => {}) {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...channels],
  });
  children.add(child);
  let output = '';
  return new Promise((ready, fail) => {
    const read = (chunk) => {
      output += chunk;
      onOutput(output);
      const found = readyWhen.exec(output);
      if (found) ready({ pid: child.pid, url: found[1], child, stop: () => stop(child) });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      const error = new Error(`${command} ended with ${code ?? signal}:\n${output.slice(-MAX_OUTPUT)}`);
      // After the start nobody waits for the promise: a process that ends by itself spoils what is measured.
      if (children.has(child)) process.stderr.write(`${error.message}\n`);
      fail(error);
    });
  });
}

function stop(child) {
  children.delete(child);
  return new Promise((done) => {
    child.once('exit', done);
    child.kill('SIGTERM');
  });
}

export async function startRedis() {
  const port = await freePort();
  const options = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    temporaryFolder(),
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const redis = await start(
    process.env.REDIS_SERVER_BIN ?? 'redis-server',
    options,
    {},
    /(Ready to accept connections)/,
  );
  return { ...redis, port };
}

export const startBaseline = (redis) =>
  start(
    process.execPath,
    [join(here, 'baseline.mjs')],
    { BENCH_REDIS_PORT: String(redis.port) },
    /serving on (http:\/\/\S+)/,
  );

/**
 * With a larger heap, for a million workflows in memory. `of` is the folder of the version. `onLoading` is called once with the
 * address, when the service listens and loads its data.
 */
export function startService(env, options = ['--max-old-space-size=8192'], of = root, onLoading = () => {}) {
  let isLoading = false;
  const look = (output) => {
    const [, url] = (!isLoading && /(http:\/\/\S+)\/health\/ready says/.exec(output)) || [];
    if (url === undefined) return;
    isLoading = true;
    onLoading(url);
  };
  return start(
    process.execPath,
    [...options, join(of, 'dist/main.js')],
    { PORT: '0', LOG_FORMAT: 'json', WORKFLOW_STATE_TTL: '86400', ...env },
    /serving on (http:\/\/[^ ]+)/,
    [],
    look,
  );
}

/** CPU seconds of a process that reads all rows of a data directory. */
export const readRows = (dataDir) => resultOf('read-rows.mjs', dataDir);

/** A service that also tells the longest turn of its event loop since the last call, in milliseconds of CPU time. */
export async function startProbedService(env) {
  const service = await start(
    process.execPath,
    ['--max-old-space-size=8192', '--import', join(here, 'turn-probe.mjs'), join(root, 'dist/main.js')],
    { PORT: '0', LOG_FORMAT: 'json', ...env },
    /serving on (http:\/\/[^ ]+)/,
    ['ipc'],
  );
  return {
    ...service,
    async longestTurn() {
      service.child.send('');
      const [turn] = await once(service.child, 'message');
      return turn;
    },
  };
}

export const load = (plan) => resultOf('load.mjs', JSON.stringify(plan));

/** JSON that a script of this folder prints in a process of its own. */
function resultOf(script, argument) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(here, script), argument], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.once('exit', (code) => {
      children.delete(child);
      if (code === 0) done(JSON.parse(output));
      else fail(new Error(`${script} ended with code ${code}`));
    });
  });
}

/** CPU microseconds, user and system, of all threads. */
export function cpuMicros(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const [onCpuNanos] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return sum + Number(onCpuNanos) / 1000;
  }, 0);
}

/** 0 for a process that has ended. */
export function residentBytes(pid) {
  const [, kilobytes = 0] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
