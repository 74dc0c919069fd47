// Latency from the answer of a commit to the event stream of a client, and CPU of the service per delivery.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cpuMicros, startRedis, startService, temporaryFolder } from './processes.mjs';

const LISTENERS = fileURLToPath(new URL('./listeners.mjs', import.meta.url));

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

/** Starts a process with `count` clients; its times are of the same clock as those of this process. */
async function listen(url, count, paused = 0) {
  const child = spawn(process.execPath, [LISTENERS, JSON.stringify({ url, count, paused })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async end() {
      child.stdin.end();
      return JSON.parse((await lines.next()).value);
    },
  };
}

/** Sends at a constant rate without waiting for answers, and records when each answer arrives. */
async function publish(url, perSecond, seconds) {
  const answered = new Map();
  const started = performance.now();
  const under = [];
  for (let n = 0; n < perSecond * seconds; n++) {
    const due = started + (n * 1000) / perSecond;
    const early = due - performance.now();
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    under.push(
      fetch(`${url}/v1/channels/bench/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"type":"n","payload":{"n":${n}}}`,
      }).then(async (answer) => {
        const { eventId } = await answer.json();
        answered.set(eventId, performance.timeOrigin + performance.now());
      }),
    );
  }
  await Promise.all(under);
  return { answered, perSecond: (perSecond * seconds * 1000) / (performance.now() - started) };
}

async function measure(service, { perSecond, seconds, listeners, paused }) {
  const clients = await listen(service.url, listeners, paused);
  const before = cpuMicros(service.pid);
  const { answered, perSecond: reached } = await publish(service.url, perSecond, seconds);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const micros = cpuMicros(service.pid) - before;
  const { arrivals, delivered } = await clients.end();
  const ms = arrivals
    .filter(([id]) => answered.has(id))
    .map(([id, time]) => Math.max(0, time - answered.get(id)))
    .sort((a, b) => a - b);
  return { reached, delivered, p50: at(ms, 0.5), p99: at(ms, 0.99), micros };
}

export async function benchFeed({ engines, perSecond, seconds }) {
  const results = [];
  for (const engine of engines) {
    const redis = engine === 'redis' ? await startRedis() : undefined;
    const env = redis
      ? { REDIS_URL: `redis://127.0.0.1:${redis.port}` }
      : { DATA_DIR: temporaryFolder(), LOG_LEVEL: 'info' };
    const service = await startService(env);
    await measure(service, { perSecond, seconds: Math.min(2, seconds), listeners: 10, paused: 0 });
    const alone = await measure(service, { perSecond, seconds, listeners: 1, paused: 0 });
    const many = await measure(service, { perSecond, seconds, listeners: 100, paused: 0 });
    const stuck = await measure(service, { perSecond, seconds, listeners: 100, paused: 1 });
    const perDelivery = (many.micros - alone.micros) / (many.delivered - alone.delivered);
    const result = { engine, perSecond, alone, many, stuck, microsPerDelivery: perDelivery };
    results.push(result);
    const line = (name, one) =>
      `  ${name.padEnd(34)} ${one.reached.toFixed(0).padStart(5)}/s   median ${one.p50.toFixed(2)} ms   p99 ${one.p99.toFixed(2)} ms\n`;
    process.stdout.write(`feed, ${engine}: from the answer of the commit to the client\n`);
    process.stdout.write(line('1 listener', alone) + line('100 listeners', many));
    process.stdout.write(line('100 listeners and one that is stuck', stuck));
    process.stdout.write(`  CPU per delivered event ${perDelivery.toFixed(2)} µs\n`);
    await service.stop();
    await redis?.stop();
  }
  return results;
}
