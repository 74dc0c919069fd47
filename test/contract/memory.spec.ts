import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { describeEngine } from './describe-engine.js';
import { testOptions } from './engine-under-test.js';

describeEngine('memory', async ({ options, observer } = {}) => {
  const clock = new TestClock();
  const engine = await openMemoryEngine({
    options: { ...testOptions, ...options },
    index: testIndex,
    clock: clock.read,
    sweeps: false,
    ...(observer && { observer }),
  });
  return { engine, clock, close: () => engine.close() };
});
