// The version of a git ref beside the working tree: CPU of the service and of Redis for the same requests.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { alternate, confidenceOf, median } from './measure.mjs';
import { load, root, startRedis, startService, temporaryFolder } from './processes.mjs';
import { stateOf } from './states.mjs';

const JSON_TYPE = { 'content-type': 'application/json' };
const CONNECTIONS = 32;
/** Rounds until the code of a new process is compiled. */
const WARM_UPS = 4;
const paths = ['/v1/workflows/bench'];
const BODY = JSON.stringify({ state: stateOf(1024) });

/** Requests that are compared. `share`: part of the requests of a round, less for a request that takes long. */
const SCENARIOS = {
  get: { method: 'GET', paths, share: 1 },
  state: { method: 'GET', paths: ['/v1/workflows/bench/state'], share: 1 },
  list: { method: 'GET', paths: ['/v1/workflows?limit=50'], share: 0.1 },
  put: { method: 'PUT', paths, headers: JSON_TYPE, body: BODY, share: 1 },
  create: { flow: 'create', share: 1 },
  task: { flow: 'task', share: 0.3 },
  step: { flow: 'step', share: 0.3 },
};

const run = (command, args, cwd, env = {}) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${status}:\n${stdout}${stderr}`);
  return stdout;
};

/** A folder with the built version of a git ref. Installed packages are shared if both versions have the same. */
function versionOf(ref) {
  const folder = join(temporaryFolder(), 'version');
  mkdirSync(folder);
  run('sh', ['-c', 'git archive "$REF" | tar -x -C "$FOLDER"'], root, { REF: ref, FOLDER: folder });
  const lock = (of) => readFileSync(join(of, 'package-lock.json'), 'utf8');
  if (existsSync(join(root, 'node_modules')) && lock(folder) === lock(root)) {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    // A lockfile that is newer than the packages would have them removed and installed again, in the working tree too.
    utimesSync(join(folder, 'package-lock.json'), 0, 0);
  }
  run(process.execPath, [join(folder, 'scripts/run.mjs'), 'build'], folder);
  return folder;
}

/** Each process has a store of its own, so that the cost in Redis is that of one version. */
const STORES = {
  redis: async () => {
    const redis = await startRedis();
    return { env: { REDIS_URL: `redis://127.0.0.1:${redis.port}` }, pids: [redis.pid], end: () => redis.stop() };
  },
  memory: async () => ({ env: { DATA_DIR: temporaryFolder() }, pids: [], end: () => undefined }),
};

async function startSubject(folder, engine) {
  const store = await STORES[engine]();
  const service = await startService(store.env, [], folder);
  const end = async () => {
    await service.stop();
    await store.end();
  };
  return { url: service.url, pids: [service.pid, ...store.pids], end };
}

/** A new process of each version, by its folder. */
async function startPair(folders, engine) {
  const pair = [];
  for (const folder of folders) pair.push(await startSubject(folder, engine));
  for (const { url } of pair) {
    const fill = { url, requests: 100, connections: 8, method: 'PUT', headers: JSON_TYPE, body: BODY };
    await load({ ...fill, paths: ['bench', ...Array.from({ length: 99 }, (_, n) => `other-${n}`)].map(pathOf) });
  }
  return pair;
}

export async function compare({ ref, only, engines, pairs, rounds, requests }) {
  const unknown = only.filter((name) => !(name in SCENARIOS));
  if (unknown.length > 0)
    throw new Error(`compare does not know ${unknown.join(', ')}; it knows ${Object.keys(SCENARIOS).join(', ')}`);
  const names = Object.keys(SCENARIOS).filter((name) => only.length === 0 || only.includes(name));
  const folders = [versionOf(ref), root];
  const rows = [];
  for (const engine of engines) {
    const taken = Object.fromEntries(names.map((name) => [name, []]));
    for (let i = 0; i < pairs; i++) {
      const pair = await startPair(folders, engine);
      for (const name of names) {
        const { share, ...scenario } = SCENARIOS[name];
        const plan = { ...scenario, requests: Math.ceil(requests * share), connections: CONNECTIONS };
        const subjects = pair.map(({ url, pids }) => ({ plan: { ...plan, url }, pids }));
        taken[name].push(await alternate(subjects, rounds, WARM_UPS));
      }
      for (const { end } of pair) await end();
    }
    for (const name of names) rows.push(...rowsOf(engine, name, taken[name]));
  }
  return rows;
}

/** A pair gives one ratio: two processes of one version differ more than two rounds of one process. */
function rowsOf(engine, name, taken) {
  const measured = engine === 'redis' ? ['service', 'Redis'] : ['service'];
  return measured.map((of, at) => {
    const [before, now] = [0, 1].map((version) => taken.map((pair) => pair[version].cpu[at]));
    const row = {
      engine,
      name,
      measured: of,
      before: median(before),
      now: median(now),
      ...confidenceOf(now.map((one, i) => one / before[i])),
    };
    print(row);
    return row;
  });
}

const pathOf = (id) => `/v1/workflows/${id}`;

function print({ engine, name, measured, before, now, ratio, least, most }) {
  process.stdout.write(
    `${engine.padEnd(7)} ${name.padEnd(7)} ${measured.padEnd(8)} ${before.toFixed(1).padStart(7)} → ${now.toFixed(1).padStart(7)} µs  ` +
      `ratio ${ratio.toFixed(3)}  (95 %: ${least.toFixed(3)}–${most.toFixed(3)})\n`,
  );
}
