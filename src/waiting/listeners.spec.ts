import { describe, expect, it } from '@jest/globals';
import type { Config } from '../config/config.js';
import type { Metrics } from '../metrics/metrics.js';
import { Listeners, TooManyListenersError } from './listeners.js';

describe('listeners', () => {
  const feed = { maxListeners: 4, bufferBytes: 1000, totalBufferBytes: 2400 };
  const metrics = { gauge: () => ({ labels: () => ({ set: () => undefined }) }) };
  const listeners = () => new Listeners({ feed } as unknown as Config, metrics as unknown as Metrics);

  it('are refused beyond their limit, until one leaves', () => {
    const all = listeners();
    const [leave] = [1, 2, 3, 4].map(() => all.enter('sse'));
    expect(() => all.enter('wait')).toThrow(TooManyListenersError);
    leave?.();
    leave?.();
    expect(() => all.enter('wait')).not.toThrow();
    expect(() => all.enter('wait')).toThrow(TooManyListenersError);
  });

  it('share the bytes that are buffered for all', () => {
    const all = listeners();
    expect(all.bufferBytes).toBe(1000);
    const leaves = [1, 2, 3, 4].map(() => all.enter('websocket'));
    expect(all.bufferBytes).toBe(600);
    for (const leave of leaves.slice(2)) leave();
    expect(all.bufferBytes).toBe(1000);
  });
});
