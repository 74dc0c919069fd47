import { describe, expect, it } from '@jest/globals';
import { scaled } from '../../support/scale.js';
import { TaskWalk } from '../../support/task-walk.js';
import type { Fixture } from '../engine-under-test.js';

const CHECK_EVERY = scaled({ short: 50, long: 25 });

export function describeTaskWalks(fixture: Fixture): void {
  describe('tasks that everything happens to', () => {
    for (const seed of scaled({ short: [1, 2], long: [1, 2, 3, 4] })) {
      it(`are each in exactly one place, delivered no more often than they may, to one holder at a time, and hold their workflows (invariants 1, 4 and 6, walk ${seed})`, async () => {
        await fixture.withEngine({}, async (tenant, { clock }) => {
          const walk = new TaskWalk(tenant, clock, seed);
          await walk.begin();
          for (let step = 1; step <= 1000; step++) {
            await walk.step();
            if (step % CHECK_EVERY === 0) await walk.check();
          }
          // With fewer deliveries the walk proves little.
          expect(walk.deliveries).toBeGreaterThan(100);
          await walk.checkTokens();
        });
      });
    }
  });
}
