import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import type { Durability } from './durability.js';
import { IdempotencyInProgressError } from './http-errors.js';
import { Idempotency } from './idempotency.js';

const durability = { isAskedFor: () => false } as unknown as Durability;

const requestOf = (bytes: number, key?: string) =>
  ({
    body: Buffer.alloc(bytes),
    headers: { 'idempotency-key': key },
    method: 'PUT',
    url: '/x',
  }) as unknown as FastifyRequest;

describe('The work of a request', () => {
  it('begins in the turn of the event loop that has read a small body, and after one that has read a large body', async () => {
    const idempotency = new Idempotency(durability);
    const begun: number[] = [];
    const works = [1000, 1_000_000].map((bytes) =>
      idempotency.run(requestOf(bytes), 'default', () => Promise.resolve(begun.push(bytes))),
    );
    await Promise.resolve();
    expect(begun).toEqual([1000]);
    await Promise.all(works);
    expect(begun).toEqual([1000, 1_000_000]);
  });

  it('counts as running before it begins', async () => {
    const idempotency = new Idempotency(durability);
    const first = idempotency.run(requestOf(1_000_000, 'k'), 'default', () => Promise.resolve(1));
    await expect(idempotency.run(requestOf(1_000_000, 'k'), 'default', () => Promise.resolve(2))).rejects.toThrow(
      IdempotencyInProgressError,
    );
    expect(await first).toBe(1);
  });
});
