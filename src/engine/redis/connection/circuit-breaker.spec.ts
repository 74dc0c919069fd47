import { beforeEach, describe, expect, it } from '@jest/globals';
import { CircuitBreaker, defaultBreaker, type BreakerState } from './circuit-breaker.js';

describe('CircuitBreaker', () => {
  let now: number;
  let breaker: CircuitBreaker;
  let seen: BreakerState[];

  const open = (options = defaultBreaker) => {
    now = 0;
    seen = [];
    breaker = new CircuitBreaker(options, () => now);
    breaker.onChange((state) => seen.push(state));
  };
  const fail = (times: number) => Array.from({ length: times }).forEach(() => breaker.failed());
  const succeed = (times: number) => Array.from({ length: times }).forEach(() => breaker.succeeded());
  beforeEach(() => open());

  it('opens after five failures in a row', () => {
    fail(4);
    expect(breaker.state).toBe('closed');
    fail(1);
    expect(breaker.state).toBe('open');
  });

  it('forgets failures that a success came between', () => {
    fail(4);
    succeed(1);
    fail(4);
    expect(breaker.state).toBe('closed');
  });

  it('stays open until a PING is answered, however long that takes, and not a moment longer', () => {
    fail(5);
    now += 1_000_000;
    expect(breaker.state).toBe('open');
    breaker.answered();
    expect(breaker.state).toBe('half-open');
  });

  it('closes after two successes', () => {
    fail(5);
    breaker.answered();
    succeed(1);
    expect(breaker.state).toBe('half-open');
    succeed(1);
    expect(seen).toEqual(['open', 'half-open', 'closed']);
  });

  it('leaves a store alone that answers PINGs and fails calls: for longer and longer, up to the timeout', () => {
    fail(5);
    const pauses: number[] = [];
    for (let round = 0; round < 8; round++) {
      breaker.answered();
      expect(breaker.state).toBe('half-open');
      fail(1);
      pauses.push(breaker.pausesForMs);
      now += breaker.pausesForMs - 1;
      breaker.answered();
      expect(breaker.state).toBe('open');
      now += 1;
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('begins with short pauses again once it was closed', () => {
    for (let round = 0; round < 2; round++) {
      fail(5);
      expect(breaker.pausesForMs).toBe(0);
      breaker.answered();
      fail(1);
      expect(breaker.pausesForMs).toBe(1000);
      now += 1000;
      breaker.answered();
      succeed(2);
    }
  });

  it('never opens when it is switched off', () => {
    open({ ...defaultBreaker, isEnabled: false });
    fail(100);
    expect(breaker.state).toBe('closed');
  });
});
