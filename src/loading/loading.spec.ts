import { describe, expect, it } from '@jest/globals';
import { Loading } from './loading.js';

describe('the progress of a start', () => {
  function started() {
    const lines: string[] = [];
    let now = 0;
    const loading = new Loading(
      { info: (_fields: unknown, text: string) => void lines.push(text) } as never,
      () => now,
    );
    const after = (ms: number, share: number) => {
      now += ms;
      loading.report(share);
    };
    return { loading, lines, after };
  }

  it('is logged every five seconds, however often it is told', () => {
    const { lines, after } = started();
    for (let n = 1; n <= 1100; n++) after(10, n / 2000);
    expect(lines).toEqual(['loading the data directory: 25 %', 'loading the data directory: 50 %']);
  });

  it('is not logged for a fast start', () => {
    const { lines, after } = started();
    for (let n = 1; n <= 100; n++) after(40, n / 100);
    expect(lines).toEqual([]);
  });

  it('is below 100 % until the service serves', () => {
    const { loading, after } = started();
    expect(loading.percent).toBe(0);
    after(1, 0.428);
    expect(loading.percent).toBe(42);
    after(1, 1);
    expect(loading.percent).toBe(99);
  });

  it('says when to come back: after the rest of the time, within half a minute', () => {
    const { loading, after } = started();
    expect(loading.retryAfterSeconds).toBe(30);
    after(6000, 0.5);
    expect(loading.retryAfterSeconds).toBe(6);
    after(6000, 0.1);
    expect(loading.retryAfterSeconds).toBe(30);
    after(0, 1);
    expect(loading.retryAfterSeconds).toBe(1);
  });
});
