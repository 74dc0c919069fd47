// CPU per request of the service compared with the baseline, on the same Redis, with the same bodies.
import { alternate, ratioOf } from './measure.mjs';
import { load, startBaseline, startRedis, startService, temporaryFolder } from './processes.mjs';
import { stateOf } from './states.mjs';

const JSON_TYPE = { 'content-type': 'application/json' };
const SIZES = { '1 KB': 1024, '64 KB': 64 * 1024 };

/** Target ratios to the baseline, on Redis. */
const TARGETS = { 'GET 1 KB': 1.35, 'GET /state 1 KB': 1.25, 'PUT 1 KB': 1.8, 'GET 64 KB': 1.15 };

function scenarios(size, requests) {
  const state = JSON.stringify(stateOf(SIZES[size]));
  const envelope = `{"state":${state}}`;
  const at = (rest = '') => [`/v1/workflows/bench${rest}`];
  const all = { requests, connections: 32 };
  const write = { ...all, method: 'PUT', headers: JSON_TYPE, body: envelope };
  const read = { ...all, method: 'GET' };
  const patch = {
    ...all,
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: '{"title":"changed"}',
  };
  const baselineRead = { ...read, paths: ['/workflows/bench'] };
  const baselineWrite = { ...write, paths: ['/workflows/bench'] };
  return [
    { name: `GET ${size}`, service: { ...read, paths: at() }, baseline: baselineRead },
    { name: `GET /state ${size}`, service: { ...read, paths: at('/state') }, baseline: baselineRead },
    { name: `PUT ${size}`, service: { ...write, paths: at() }, baseline: baselineWrite },
    {
      name: `PUT ${size}, lean baseline`,
      service: { ...write, paths: at() },
      baseline: { ...write, paths: ['/lean/bench'], body: state },
    },
    // The baseline has no PATCH, so PATCH is compared with its PUT.
    { name: `PATCH ${size}`, service: { ...patch, paths: at('/state') }, baseline: baselineWrite },
    ...(size === '1 KB'
      ? [
          {
            name: 'list page of 50',
            service: { ...read, requests: Math.ceil(requests / 10), paths: ['/v1/workflows?limit=50'] },
            baseline: baselineRead,
          },
        ]
      : []),
  ];
}

/** Fills the store with enough workflows for a page. */
async function fill({ url }, prefix) {
  const put = { method: 'PUT', headers: JSON_TYPE, connections: 8, url };
  const body = JSON.stringify({ state: stateOf(1024) });
  if (prefix === '/v1/workflows')
    await load({ ...put, requests: 100, paths: Array.from({ length: 100 }, (_, n) => `${prefix}/other-${n}`), body });
}

export async function benchRequests({ rounds, requests, only, engines }) {
  const redis = await startRedis();
  const baseline = await startBaseline(redis);
  const services = {
    redis: () => startService({ REDIS_URL: `redis://127.0.0.1:${redis.port}` }),
    'memory, journal': () => startService({ DATA_DIR: temporaryFolder() }),
    'memory only': () => startService({ DATA_DIR: '' }),
  };
  const rows = [];
  for (const [engine, start] of Object.entries(services)) {
    if (!engines.some((name) => engine.startsWith(name))) continue;
    const service = await start();
    await fill(service, '/v1/workflows');
    for (const size of Object.keys(SIZES)) {
      const body = JSON.stringify({ state: stateOf(SIZES[size]) });
      const put = { method: 'PUT', headers: JSON_TYPE, connections: 1, requests: 1, body };
      await load({ ...put, url: service.url, paths: ['/v1/workflows/bench'] });
      await load({ ...put, url: baseline.url, paths: ['/workflows/bench'] });
      const count = size === '1 KB' ? requests : Math.ceil(requests / 8);
      for (const scenario of scenarios(size, count).filter(
        ({ name }) => only.length === 0 || only.some((word) => name.toLowerCase().startsWith(word)),
      )) {
        const [base, own] = await alternate(
          [
            { plan: { ...scenario.baseline, url: baseline.url }, pids: [baseline.pid] },
            { plan: { ...scenario.service, url: service.url }, pids: [service.pid] },
          ],
          rounds,
        );
        const row = {
          engine,
          name: scenario.name,
          base,
          own,
          ratio: ratioOf(own, base),
          target: engine === 'redis' ? TARGETS[scenario.name] : undefined,
        };
        rows.push(row);
        print(row);
      }
    }
    await service.stop();
  }
  await baseline.stop();
  await redis.stop();
  return rows;
}

const us = (number) => number.toFixed(1).padStart(7);

function print({ engine, name, base, own, ratio, target }) {
  const verdict = target === undefined ? '' : ratio <= target ? `  met (≤ ${target})` : `  NOT met (≤ ${target})`;
  process.stdout.write(
    `${engine.padEnd(16)} ${name.padEnd(26)} baseline ${us(base.cpu[0])} µs  service ${us(own.cpu[0])} µs ` +
      `(${own.least.toFixed(1)}–${own.most.toFixed(1)})  ratio ${ratio.toFixed(2)}${verdict}   ` +
      `${Math.round(base.perSecond)} and ${Math.round(own.perSecond)} requests/s\n`,
  );
}
