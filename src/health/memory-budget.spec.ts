import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../config/read-config.js';
import { heapNeed, heapWarnings, memoryBudget } from './memory-budget.js';

const MIB = 1024 * 1024;
const HEAP = 512 * MIB;

describe('the memory budget', () => {
  const budget = (env: Record<string, string> = {}) => memoryBudget(readConfig({ DATA_DIR: '', ...env }), HEAP);

  it('is the process, its heap, connections and buffers', () => {
    const connections = (10_000 * 16) / 1024;
    expect(budget() / MIB).toBe(128 + 512 + connections + 64 + 1.5 * 256 + 256);
  });

  it.each([
    ['BODY_BUFFER_BYTES', 1, 64],
    ['ANSWER_BUFFER_BYTES', 1.5, 256],
    ['FEED_TOTAL_BUFFER_BYTES', 1, 256],
  ])('grows with %s', (name, share, byDefault) => {
    expect((budget({ [name]: String(1024 * MIB) }) - budget()) / MIB).toBe(share * (1024 - byDefault));
  });
});

describe('the heap that is needed', () => {
  const need = (env: Record<string, string> = {}) => heapNeed(readConfig({ DATA_DIR: '', ...env })) / MIB;

  it('is three texts for each body, and with Redis and its fallback the copies and waiting writes', () => {
    const redis = { REDIS_URL: 'redis://127.0.0.1:6379' };
    expect(need()).toBe(128 + 3 * 64);
    expect(need({ BODY_BUFFER_BYTES: String(10 * MIB) })).toBe(128 + 3 * 10);
    expect(need(redis)).toBe(128 + 3 * 64 + 64 + 256);
    expect(need({ ...redis, REDIS_FALLBACK: 'none' })).toBe(need());
  });

  it('is a warning for the operator if the limit is lower', () => {
    const config = readConfig({ DATA_DIR: '' });
    expect(heapWarnings(config, heapNeed(config))).toEqual([]);
    expect(heapWarnings(config, heapNeed(config) - MIB)).toEqual([
      expect.stringContaining('a limit of 319 MiB, and clients can make this replica need 320 MiB'),
    ]);
  });
});
