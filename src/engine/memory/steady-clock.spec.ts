import { describe, expect, it } from '@jest/globals';
import { MAX_AHEAD_MS, SteadyClock } from './steady-clock.js';

const HOUR = 3_600_000;

/** A machine whose clock can be set; both clocks go on by `pass`. */
function machine() {
  const times = { system: Date.UTC(2030, 0, 1), monotonic: 5000 };
  const clock = new SteadyClock(
    () => times.system,
    () => times.monotonic,
  );
  return {
    times,
    clock,
    pass(ms: number) {
      times.system += ms;
      times.monotonic += ms;
    },
  };
}

describe('the clock of the embedded engine', () => {
  it('is that of the machine, also when the machine corrects it a little', () => {
    const { times, clock, pass } = machine();
    for (const correctionMs of [0, 3, -2, 900, -900]) {
      times.system += correctionMs;
      pass(1000);
      expect(clock.read()).toBe(times.system);
    }
  });

  it('never goes back, and goes on when the clock of the machine was set back', () => {
    const { times, clock, pass } = machine();
    let last = clock.read();
    times.system -= 2 * HOUR;
    for (let i = 0; i < 10; i++) {
      pass(1000);
      const now = clock.read();
      expect(now - last).toBe(900);
      last = now;
    }
  });

  it('agrees with the clock of the machine again after ten times as long', () => {
    const { times, clock, pass } = machine();
    clock.read();
    times.system -= 60_000;
    for (let i = 0; i < 601; i++) {
      pass(1000);
      clock.read();
    }
    expect(clock.read()).toBe(times.system);
  });

  it('follows when the clock of the machine was set forward', () => {
    const { times, clock } = machine();
    clock.read();
    times.system += 2 * HOUR;
    expect(clock.read()).toBe(times.system);
  });

  it('starts at the latest time of the journal, unless that is too far ahead to be true', () => {
    const { times, clock } = machine();
    clock.startAt(times.system - HOUR);
    expect(clock.read()).toBe(times.system);
    clock.startAt(times.system + MAX_AHEAD_MS + 1);
    expect(clock.read()).toBe(times.system);
    clock.startAt(times.system + HOUR);
    expect(clock.read()).toBe(times.system + HOUR);
  });
});
