import { describe, expect, it } from '@jest/globals';
import { startPatientTimer } from './patient-timer.js';

/** Keeps the event loop busy. */
function hold(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('a patient timer', () => {
  it('expires although the loop is held again and again, after twice its time and the last hold', async () => {
    const holdMs = 250;
    const ms = 600;
    let holds = 0;
    const isOver = new Promise<void>((resolve) => startPatientTimer(ms, resolve));
    const busy = setInterval(() => {
      // Ends the test if the timer never expires.
      if (++holds > 40) clearInterval(busy);
      hold(holdMs);
    }, 1);
    await isOver;
    clearInterval(busy);
    expect(holds).toBeGreaterThan(1);
    expect(holds).toBeLessThan(20);
  });
});
