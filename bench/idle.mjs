// Benchmark of an idle replica: its processor time and calls of Redis with many queue names and many tenants, and the time
// of a page of queues.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { built, OPTIONS, PLACES } from './engines.mjs';
import { median } from './measure.mjs';
import { cpuMicros } from './processes.mjs';

const PER_COMMIT = 50;
const AT_ONCE = 16;
/** Tenants that were written are swept again for about two minutes. */
const SETTLE_MS = 180_000;
const PAGES = 50;
const TARGET = { calls: 5, redis: 1, pageMs: 20 };

export async function benchIdle({ engines, queues, tenants, seconds }) {
  // The engines run inside this process, so their log would mix with the results.
  Logger.overrideLogger(false);
  const { WorkflowIndex } = await built('workflow-index.js');
  const index = new WorkflowIndex([]);
  const rows = [];
  for (const engine of engines) {
    const place = await PLACES[engine]();
    await place.withEngine(index, (store) => fill(store, queues, tenants));
    const service = await place.start();
    await sleep(SETTLE_MS);
    const [redis] = place.others;
    const calls = redis && countCalls(redis.port);
    const before = [service.pid, ...place.others.map(({ pid }) => pid)].map(cpuMicros);
    await sleep(seconds * 1000);
    const used = [service.pid, ...place.others.map(({ pid }) => pid)].map((pid, i) => cpuMicros(pid) - before[i]);
    const percent = used.map((micros) => micros / seconds / 10_000);
    const row = {
      engine,
      queues,
      tenants,
      service: percent[0],
      redis: percent[1],
      calls: (await calls?.end()) / seconds,
    };
    row.pageMs = await pageTime(service.url, 100);
    row.largePageMs = await pageTime(service.url, 1000);
    rows.push(row);
    print(row);
    await service.stop();
    await place.end();
  }
  return rows;
}

/** Each queue has a task that is due in a week; each tenant has one, too. */
async function fill(engine, queues, tenants) {
  const week = 7 * 86_400_000;
  const task = (queue, i) => ({
    id: `task-${queue}-${i}`,
    queue,
    payload: 'null',
    headers: '{}',
    priority: 5,
    maxAttempts: 5,
    backoffMs: 1000,
    maxBackoffMs: 60_000,
    start: { delayMs: week },
    expires: { afterDueMs: OPTIONS.tasks.deadMs },
  });
  const once = (key) => ({ key, fingerprint: '', keepMs: 1000 });
  let next = 0;
  const commitQueues = async () => {
    while (next < queues) {
      const first = next;
      next = Math.min(next + PER_COMMIT, queues);
      const enqueue = Array.from({ length: next - first }, (_, i) => task(`queue-${first + i}`, 0));
      await engine.commit('default', { once: once(`fill-${first}`), enqueue });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, commitQueues));
  let tenant = 0;
  const commitTenants = async () => {
    while (tenant < tenants) {
      const name = `tenant-${tenant++}`;
      await engine.commit(name, { once: once(name), enqueue: [task('work', 0)] });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, commitTenants));
}

/** Counts the commands that clients send to Redis, not those of scripts. */
function countCalls(port) {
  const monitor = spawn('redis-cli', ['-p', String(port), 'MONITOR'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let calls = 0;
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    if (/\[\d+ (?!lua)/.test(line)) calls++;
  });
  return {
    async end() {
      monitor.kill('SIGKILL');
      await once(monitor, 'exit');
      return calls;
    },
  };
}

async function pageTime(url, limit) {
  const times = [];
  let cursor = '';
  for (let i = 0; i < PAGES; i++) {
    const started = performance.now();
    const answer = await fetch(`${url}/v1/queues?limit=${limit}${cursor}`);
    const { nextCursor } = await answer.json();
    times.push(performance.now() - started);
    cursor = nextCursor ? `&cursor=${nextCursor}` : '';
  }
  return median(times);
}

function print({ engine, queues, tenants, service, redis, calls, pageMs, largePageMs }) {
  const verdict = (value, target) => (value <= target ? `met (≤ ${target})` : `NOT met (≤ ${target})`);
  process.stdout.write(`\nIdle, ${engine}: ${queues} queue names and ${tenants} tenants\n`);
  process.stdout.write(`  service ${service.toFixed(2)} % of a processor\n`);
  if (redis !== undefined) {
    process.stdout.write(`  Redis ${redis.toFixed(2)} % of a processor  ${verdict(redis, TARGET.redis)}\n`);
    process.stdout.write(`  calls of Redis ${calls.toFixed(1)} a second  ${verdict(calls, TARGET.calls)}\n`);
  }
  process.stdout.write(
    `  page of 100 queues ${pageMs.toFixed(1)} ms  ${verdict(pageMs, TARGET.pageMs)}; of 1,000 ${largePageMs.toFixed(1)} ms\n`,
  );
}
