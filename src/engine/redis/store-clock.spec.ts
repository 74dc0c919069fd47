import { describe, expect, it } from '@jest/globals';
import { StoreClock } from './store-clock.js';

describe('The clock of the store', () => {
  it('is unknown before the first answer', () => {
    expect(new StoreClock().read()).toBeUndefined();
  });

  it('goes on between the answers', () => {
    let now = 1000;
    const clock = new StoreClock(() => now);
    now += 20;
    clock.saw(500_010, 1000);
    expect(clock.read()).toBe(500_020);
    now += 60_000;
    expect(clock.read()).toBe(560_020);
    clock.saw(400_000, now);
    expect(clock.read()).toBe(400_000);
  });

  it('takes no late answer, unless it knows nothing else', () => {
    let now = 0;
    const clock = new StoreClock(() => now);
    now = 4000;
    clock.saw(100_000, 0);
    expect(clock.read()).toBe(102_000);
    clock.saw(200_000, 2000);
    expect(clock.read()).toBe(102_000);
  });
});
