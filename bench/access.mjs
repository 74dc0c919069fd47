// What a key and a limit cost: requests with a key under a policy of its tenant, beside the same requests in open mode.
import { alternate, meanOf, median, ratioOf } from './measure.mjs';
import { load, startRedis, startService, temporaryFolder } from './processes.mjs';
import { stateOf } from './states.mjs';

const ADMIN_TOKEN = 'the-operator-of-a-benchmark';
const JSON_TYPE = { 'content-type': 'application/json' };
const TARGETS = { GET: 1.05, PUT: 1.03 };
/** More than any machine serves, so that the policy counts every request and refuses none. */
const LIMITS = {
  read: { limit: 6_000_000, windowMs: 60_000, burst: 1_000_000 },
  write: { limit: 6_000_000, windowMs: 60_000, burst: 1_000_000 },
};

const KEYED = { ADMIN_TOKEN, TENANT_DEFAULTS: JSON.stringify({ limits: LIMITS }) };

async function keyOf({ url }) {
  const made = await fetch(`${url}/v1/keys`, {
    method: 'POST',
    headers: { ...JSON_TYPE, authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify({ name: 'bench', role: 'writer' }),
  });
  if (!made.ok) throw new Error(`No key: ${made.status} ${await made.text()}`);
  return (await made.json()).key;
}

export async function benchAccess({ rounds, requests, engines }) {
  const redis = await startRedis();
  const stores = {
    redis: () => ({ REDIS_URL: `redis://127.0.0.1:${redis.port}` }),
    memory: () => ({ DATA_DIR: temporaryFolder() }),
  };
  const rows = [];
  for (const [engine, store] of Object.entries(stores)) {
    if (!engines.includes(engine)) continue;
    // Two processes of each kind, because two processes of the same kind differ by some percent.
    const subjects = [];
    for (const kind of ['open', 'keyed', 'keyed', 'open']) {
      const service = await startService(kind === 'open' ? store() : { ...store(), ...KEYED });
      const authorization = kind === 'open' ? {} : { authorization: `Bearer ${await keyOf(service)}` };
      subjects.push({ kind, service, authorization });
    }
    const body = JSON.stringify({ state: stateOf(1024) });
    const all = { requests, connections: 32, paths: ['/v1/workflows/bench'] };
    const plans = {
      PUT: { ...all, method: 'PUT', headers: JSON_TYPE, body },
      GET: { ...all, method: 'GET', headers: {} },
    };
    const planFor = (plan, { service: { url }, authorization }) => ({
      ...plan,
      url,
      headers: { ...plan.headers, ...authorization },
    });
    for (const subject of subjects) await load({ ...planFor(plans.PUT, subject), requests: 1, connections: 1 });
    for (const [name, plan] of Object.entries(plans)) {
      const results = await alternate(
        subjects.map((subject) => ({ plan: planFor(plan, subject), pids: [subject.service.pid] })),
        rounds,
      );
      const of = (kind) => both(results.filter((_, i) => subjects[i].kind === kind));
      const [base, own] = [of('open'), of('keyed')];
      const row = { engine, name, base, own, ratio: ratioOf(own, base), target: TARGETS[name] };
      rows.push(row);
      print(row);
    }
    for (const { service } of subjects) await service.stop();
  }
  await redis.stop();
  return rows;
}

/** The mean of two processes of one kind, in each round. */
function both([one, other]) {
  const means = meanOf([one.rounds, other.rounds], 0);
  const rounds = means.map((micros) => ({ cpu: [micros] }));
  return {
    cpu: [median(means)],
    least: Math.min(one.least, other.least),
    most: Math.max(one.most, other.most),
    rounds,
  };
}

function print({ engine, name, base, own, ratio, target }) {
  process.stdout.write(
    `${engine.padEnd(8)} ${name} 1 KB  open ${base.cpu[0].toFixed(1)} µs (${base.least.toFixed(1)}–${base.most.toFixed(1)})  ` +
      `with a key and a limit ${own.cpu[0].toFixed(1)} µs (${own.least.toFixed(1)}–${own.most.toFixed(1)})  ` +
      `ratio ${ratio.toFixed(3)}  ${ratio <= target ? 'met' : 'NOT met'} (≤ ${target})\n`,
  );
}
