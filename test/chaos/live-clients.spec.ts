import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { EventStreamClient } from '../support/event-stream-client.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { until } from '../support/until.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { scaled } from '../support/scale.js';

const REPLICAS = 3;
const SUBJECTS = 20;
const AT_ONCE = 10;

/** Even subjects are channels whose messages count up, odd ones are workflows whose versions count up. */
const isChannel = (subject: number) => subject % 2 === 0;
const nameOf = (subject: number) => (isChannel(subject) ? `c-${subject}` : `w-${subject}`);

/** A client that follows one subject, reconnects after each cut, and expects every number once and in order. */
class Follower {
  seen = 0;
  place: string;
  resets = 0;
  connections = 0;
  readonly flaws: string[] = [];
  #close: () => void = () => undefined;
  #isOver = false;

  constructor(
    readonly kind: 'stream' | 'socket',
    readonly subject: number,
    start: string,
    private readonly url: () => string,
  ) {
    this.place = start;
    void this.#run();
  }

  cut(): void {
    this.#close();
  }

  end(): void {
    this.#isOver = true;
    this.#close();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.connections++;
      await (this.kind === 'stream' ? this.#stream() : this.#socket());
      await sleep(randomInt(5, 50));
    }
  }

  #take(id: string, number: number): void {
    if (number !== this.seen + 1) this.flaws.push(`${number} behind ${this.seen} of ${nameOf(this.subject)}`);
    this.seen = number;
    this.place = id;
  }

  #stream(): Promise<void> {
    const query = isChannel(this.subject)
      ? `channel=${nameOf(this.subject)}`
      : `workflow=${nameOf(this.subject)}&type=workflow.*`;
    return new Promise((resolve) => {
      const headers = { 'last-event-id': this.place };
      const client = new EventStreamClient(`${this.url()}/v1/events?${query}`, headers, ({ event, id, data }) => {
        if (event === 'message') this.#take(id, numberOf(data.version, data.payload));
        if (event === 'reset') this.resets++;
      });
      const timer = setInterval(() => {
        if (client.hasEnded) this.#close();
      }, 10);
      this.#close = () => {
        clearInterval(timer);
        client.close();
        resolve();
      };
    });
  }

  #socket(): Promise<void> {
    const channel = isChannel(this.subject) ? nameOf(this.subject) : `workflow:${nameOf(this.subject)}`;
    return new Promise((resolve) => {
      const socket = new WebSocket(`${this.url().replace('http', 'ws')}/ws`);
      this.#close = () => socket.terminate();
      socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', channel, since: this.place })));
      socket.on('message', (text) => {
        const { type, at, id, payload } = JSON.parse(String(text));
        if (at !== undefined) this.#take(id, numberOf(payload.version, payload));
        else if (type === 'reset') this.resets++;
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  }
}

const numberOf = (version: number | undefined, payload: unknown): number => version ?? Number(payload);

/** Clients that come back after every cut, while replicas are killed and restarted, end with every event once and in order. */
const { streams, sockets, events, cuts, restarts, timeoutMs } = scaled({
  short: { streams: 10, sockets: 10, events: 2000, cuts: 20, restarts: 3, timeoutMs: 360_000 },
  long: { streams: 200, sockets: 200, events: 50_000, cuts: 400, restarts: 12, timeoutMs: 1_800_000 },
});
const clients = streams + sockets;

describe(`${clients} clients on ${REPLICAS} replicas, ${events} events, ${cuts} cuts and ${restarts} restarts`, () => {
  let redis: RedisProcess;
  const replicas: ServiceProcess[] = [];
  const followers: Follower[] = [];
  const start = () => startService({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
  const anyUrl = () => (replicas[randomInt(REPLICAS)] as ServiceProcess).url;

  beforeAll(async () => {
    redis = await startRedisProcess();
    replicas.push(...(await Promise.all(Array.from({ length: REPLICAS }, start))));
  });
  afterAll(async () => {
    for (const follower of followers) follower.end();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis.stop();
  });

  /** Asks one replica after the other under one key until the answer is final. */
  async function commit(body: object): Promise<void> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await fetch(`${anyUrl()}/v1/commits`, { method: 'POST', headers, body: JSON.stringify(body) });
        const text = await answer.text();
        if (answer.status === 200) return;
        // 409: the first attempt is still running.
        if (answer.status < 500 && answer.status !== 409) throw new TypeError(`${answer.status} ${text}`);
      } catch (error) {
        if (error instanceof TypeError && error.cause === undefined) throw error;
      }
      if (attempt > 500) throw new Error('no replica answers');
      await sleep(20);
    }
  }

  let written = 0;

  /** Publishes `count` events of one subject, one commit after the other. */
  async function write(subject: number, count: number): Promise<void> {
    const name = nameOf(subject);
    for (let n = 1; n <= count; n += isChannel(subject) ? AT_ONCE : 1) {
      if (isChannel(subject)) {
        const numbers = Array.from({ length: Math.min(AT_ONCE, count - n + 1) }, (_, i) => n + i);
        await commit({ publish: numbers.map((payload) => ({ channel: name, type: 'n', payload })) });
        written += numbers.length;
      } else {
        await commit({ puts: [{ id: name, state: { n } }] });
        written++;
      }
    }
  }

  it(
    'leave no client without an event, with one twice, or with two in the wrong order',
    async () => {
      const { next } = (await (await fetch(`${anyUrl()}/v1/events?wait=0`)).json()) as { next: string };
      for (let i = 0; i < clients; i++) {
        followers.push(new Follower(i < streams ? 'stream' : 'socket', i % SUBJECTS, next, anyUrl));
      }
      const each = Math.ceil(events / SUBJECTS);
      const writers = Array.from({ length: SUBJECTS }, (_, subject) => write(subject, each));
      // Spread over the writes: a fixed number in each second would be more cuts on a slow machine.
      const trouble = (async () => {
        for (let i = 0; i < cuts; i++) {
          await until(() => written >= (events / cuts) * i, 'the next cut is due');
          followers[randomInt(clients)]?.cut();
        }
      })();
      const restarting = (async () => {
        for (let i = 0; i < restarts; i++) {
          const at = i % REPLICAS;
          const old = replicas[at] as ServiceProcess;
          // Every other replica is stopped with SIGTERM, the rest with SIGKILL.
          if (i % 2 === 0) await old.stop();
          else old.child.kill('SIGKILL');
          replicas[at] = await start();
          await sleep(randomInt(50, 300));
        }
      })();
      await Promise.all([...writers, trouble, restarting]);
      const end = performance.now() + timeoutMs / 2;
      const isDone = () => followers.every(({ seen, flaws }) => seen >= each || flaws.length > 0);
      while (!isDone() && performance.now() < end) await sleep(50);
      const flawed = followers.filter(({ seen, flaws, resets }) => seen !== each || flaws.length > 0 || resets > 0);
      expect(flawed.map(({ kind, subject, seen, flaws, resets }) => ({ kind, subject, seen, flaws, resets }))).toEqual(
        [],
      );
      const connections = followers.reduce((sum, follower) => sum + follower.connections, 0);
      expect(connections).toBeGreaterThan(clients + Math.min(cuts, 10));
      process.stdout.write(`live clients: ${clients * each} deliveries over ${connections} connections\n`);
    },
    timeoutMs,
  );
});
