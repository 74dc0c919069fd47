// Cost of reads and lists with a thousand stored workflows and with a million.
import { Logger } from '@nestjs/common';
import { built, OPTIONS, PLACES } from './engines.mjs';
import { alternate } from './measure.mjs';
import { residentBytes } from './processes.mjs';
import { stateOf } from './states.mjs';

const PER_COMMIT = 50;
const AT_ONCE = 16;
const TARGET = 1.3;
/** After it has loaded a million workflows, a process collects garbage for a while, so more rounds warm up. */
const WARM_UPS = 5;

/** Writes directly to the engine, fifty workflows per commit. */
export async function fill(engine, index, from, to) {
  let next = from;
  const commit = async () => {
    while (next < to) {
      const first = next;
      next = Math.min(next + PER_COMMIT, to);
      const puts = Array.from({ length: next - first }, (_, i) => {
        const state = JSON.stringify(stateOf(1024, first + i));
        return {
          id: `grown-${first + i}`,
          incarnation: `life${first + i}`,
          state,
          index: index.ofState(state),
          ttl: OPTIONS.defaultTtlMs,
          about: { by: 'bench', cause: 'put', changed: null },
        };
      });
      await engine.commit('default', { once: { key: `fill-${first}`, fingerprint: '', keepMs: 1000 }, puts });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, commit));
}

function plansOf(url, count, requests) {
  const ids = Array.from({ length: 1000 }, (_, i) => `/v1/workflows/grown-${Math.floor((i * count) / 1000)}`);
  const read = { url, method: 'GET', connections: 32 };
  return {
    GET: { ...read, requests, paths: ids },
    'list page of 50': { ...read, requests: Math.ceil(requests / 10), paths: ['/v1/workflows?limit=50'] },
    'list page of 50 by status': {
      ...read,
      requests: Math.ceil(requests / 10),
      paths: ['/v1/workflows?limit=50&status=reviewing'],
    },
  };
}

export async function benchGrowth({ rounds, requests, engines, sizes }) {
  // The engines run inside this process, so their log would mix with the results.
  Logger.overrideLogger(false);
  const { WorkflowIndex } = await built('workflow-index.js');
  const index = new WorkflowIndex(['/status', '/document_type', '/user_id', '/case_id']);
  const rows = [];
  for (const [engine, open] of Object.entries(PLACES)) {
    if (!engines.includes(engine)) continue;
    const place = await open();
    const costs = {};
    let stored = 0;
    for (const size of sizes) {
      const started = performance.now();
      const from = stored;
      await place.withEngine(index, (engine) => fill(engine, index, from, size));
      stored = size;
      const service = await place.start();
      const pids = [service.pid, ...place.others.map(({ pid }) => pid)];
      for (const [name, plan] of Object.entries(plansOf(service.url, size, requests))) {
        const [result] = await alternate([{ plan, pids }], rounds, WARM_UPS);
        (costs[name] ??= []).push(result.cpu);
      }
      const bytes = pids.map(residentBytes).map((each) => `${Math.round(each / 1024 / 1024)} MB`);
      process.stdout.write(
        `${engine}: ${size} workflows, filled in ${Math.round((performance.now() - started) / 1000)} s; resident ${bytes.join(' and ')}\n`,
      );
      await service.stop();
    }
    for (const [name, [small, large]] of Object.entries(costs)) {
      for (const [i, who] of ['service', 'redis'].slice(0, small.length).entries()) {
        const ratio = large[i] / small[i];
        rows.push({ engine, name, who, small: small[i], large: large[i], ratio });
        const verdict = ratio <= TARGET ? `met (≤ ${TARGET})` : `NOT met (≤ ${TARGET})`;
        process.stdout.write(
          `${engine.padEnd(8)} ${name.padEnd(26)} ${who.padEnd(8)} ${small[i].toFixed(1)} → ${large[i].toFixed(1)} µs  ratio ${ratio.toFixed(2)}  ${verdict}\n`,
        );
      }
    }
    await place.end();
  }
  return rows;
}
