import { PassThrough } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it, jest } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { setImmediate as turn } from 'node:timers/promises';
import { ReceivedBodies } from './received-bodies.js';

const MIB = 1024 * 1024;

/** A body of `size` bytes that is received by `bodies`. */
function receive(bodies: ReceivedBodies, size: number, { length = true, limit = 2 * MIB } = {}) {
  const stream = new PassThrough();
  const headers = length ? { 'content-length': String(size) } : {};
  const request = { headers, routeOptions: { bodyLimit: limit } } as unknown as FastifyRequest;
  const result: { error?: Error | null; body?: Buffer } = {};
  bodies.read(request, stream as unknown as IncomingMessage, (error, body) => Object.assign(result, { error, body }));
  return {
    result,
    stream,
    send: async (bytes: number) => {
      stream.write(Buffer.alloc(bytes, 'x'));
      await turn();
    },
    end: async () => {
      stream.end();
      await turn();
    },
    answer: () => bodies.release(request),
  };
}

describe('received bodies', () => {
  it('are not counted if they are small and arrive in one piece', async () => {
    const bodies = new ReceivedBodies(MIB, 30_000);
    const one = receive(bodies, 16_384);
    await one.send(16_384);
    expect(bodies.bytes).toBe(0);
    await one.end();
    expect(one.result.body?.length).toBe(16_384);
    const larger = receive(bodies, 16_385);
    await larger.send(16_385);
    expect(bodies.bytes).toBe(16_385);
    await larger.end();
    expect([larger.result.body?.length, bodies.bytes]).toEqual([16_385, 16_385]);
    larger.answer();
    expect(bodies.bytes).toBe(0);
  });

  it('count from their first piece until they are answered, at no more than their length', async () => {
    const bodies = new ReceivedBodies(MIB, 30_000);
    const one = receive(bodies, 300_000);
    await one.send(10);
    expect(bodies.bytes).toBe(64 * 1024);
    await one.send(200_000);
    expect(bodies.bytes).toBe(300_000);
    await one.send(99_990);
    await one.end();
    expect([one.result.body?.length, bodies.bytes]).toEqual([300_000, 300_000]);
    one.answer();
    one.answer();
    expect(bodies.bytes).toBe(0);
  });

  it('wait without room, except for the oldest, and go on when there is room', async () => {
    const bodies = new ReceivedBodies(MIB, 30_000);
    const [oldest, next, last] = [1, 2, 3].map(() => receive(bodies, MIB));
    for (const one of [oldest, next, last]) await one?.send(MIB / 2);
    expect([oldest, next, last].map((one) => one?.stream.isPaused())).toEqual([false, true, true]);
    await oldest?.send(MIB / 2);
    await oldest?.end();
    // The next one is the oldest now.
    expect([next, last].map((one) => one?.stream.isPaused())).toEqual([false, true]);
    await next?.send(MIB / 2);
    await next?.end();
    oldest?.answer();
    next?.answer();
    expect(last?.stream.isPaused()).toBe(false);
    await last?.send(MIB / 2);
    await last?.end();
    expect(last?.result.body?.length).toBe(MIB);
    last?.answer();
    expect(bodies.bytes).toBe(0);
  });

  it('are refused if they wait too long', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const bodies = new ReceivedBodies(MIB, 30_000);
      const [oldest, other] = [1, 2].map(() => receive(bodies, 2 * MIB));
      await oldest?.send(MIB);
      await other?.send(MIB / 2);
      jest.advanceTimersByTime(4999);
      expect(other?.result.error).toBeUndefined();
      jest.advanceTimersByTime(1);
      expect(other?.result.error).toMatchObject({ code: 'TOO_MANY_BODIES' });
      other?.answer();
      expect(bodies.bytes).toBe(2 * MIB);
    } finally {
      jest.useRealTimers();
    }
  });

  it('are refused beyond the limit of the route, and if their length is not true', async () => {
    const bodies = new ReceivedBodies(MIB, 30_000);
    const announced = receive(bodies, 101, { limit: 100 });
    expect(announced.result.error).toMatchObject({ code: 'STATE_TOO_LARGE' });
    const longer = receive(bodies, 101, { limit: 100, length: false });
    await longer.send(60);
    await longer.send(41);
    expect(longer.result.error).toMatchObject({ code: 'STATE_TOO_LARGE' });
    longer.answer();
    const shorter = receive(bodies, 100);
    await shorter.send(99);
    await shorter.end();
    expect(shorter.result.error).toMatchObject({ code: 'BAD_REQUEST' });
    shorter.answer();
    expect(bodies.bytes).toBe(0);
  });

  it('end with their connection', async () => {
    const bodies = new ReceivedBodies(MIB, 30_000);
    const one = receive(bodies, 1000);
    await one.send(10);
    one.stream.destroy(new Error('aborted'));
    await turn();
    expect(one.result.error).toMatchObject({ code: 'BAD_REQUEST' });
    one.answer();
    expect(bodies.bytes).toBe(0);
  });

  it('in pieces of one byte take no more than their capacity', async () => {
    const bodies = new ReceivedBodies(MIB, 30_000);
    const one = receive(bodies, 0, { length: false });
    for (let i = 0; i < 100_000; i++) one.stream.write('x');
    await turn();
    await one.end();
    expect(one.result.body?.length).toBe(100_000);
    expect(bodies.bytes).toBeLessThan(3 * 100_000);
  });
});
