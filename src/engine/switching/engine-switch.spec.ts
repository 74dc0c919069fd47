import { describe, expect, it } from '@jest/globals';
import { put, testIndex } from '../../../test/support/parts.js';
import { testOptions } from '../../../test/contract/engine-under-test.js';
import { until } from '../../../test/support/until.js';
import { TestTenant } from '../../../test/support/tenant.js';
import { MemoryEngine } from '../memory/memory-engine.js';
import { EngineSwitch, type ServingEngine } from './engine-switch.js';

function serving(): ServingEngine & { readonly engine: MemoryEngine } {
  const engine = new MemoryEngine({ options: testOptions, index: testIndex });
  return { engine, start: () => undefined, close: () => engine.close() };
}

const nothing = { last: () => Promise.resolve(), commit: () => Promise.resolve(), withinMs: 1000 };

describe('EngineSwitch', () => {
  it('lets calls wait while the engines change places, and fails none', async () => {
    const [first, second] = [serving(), serving()];
    const engines = new EngineSwitch(first);
    const tenant = new TestTenant(engines.front, 'default');
    await tenant.put('w', 1);
    let during: Promise<unknown> | undefined;
    await engines.to(second, {
      ...nothing,
      last: async () => {
        during = tenant.put('late', 2);
        await new Promise(setImmediate);
        expect(await first.engine.find('default', 'late')).toBeUndefined();
      },
    });
    await during;
    expect(await first.engine.find('default', 'late')).toBeUndefined();
    expect(await second.engine.find('default', 'late')).toBeDefined();
    expect(await tenant.find('w')).toBeUndefined();
    expect(engines.front.storage).toBe('memory');
    expect(engines.current).toBe(second.engine);
  });

  it('waits for what is under way before it begins', async () => {
    const [first, second] = [serving(), serving()];
    const engines = new EngineSwitch(first);
    const writing = engines.front.commit('default', {
      once: { key: 'k', fingerprint: '', keepMs: 1 },
      puts: [put('w', 1)],
    });
    await engines.to(second, {
      ...nothing,
      last: async () => expect(await first.engine.find('default', 'w')).toBeDefined(),
    });
    expect((await writing).workflows).toHaveLength(1);
  });

  it('goes on as before when the last step fails or takes too long', async () => {
    const [first, second] = [serving(), serving()];
    const engines = new EngineSwitch(first);
    const tenant = new TestTenant(engines.front, 'default');
    const failing = { ...nothing, last: () => Promise.reject(new Error('gone')) };
    await expect(engines.to(second, failing)).rejects.toThrow('gone');
    const slow = { ...nothing, last: () => new Promise<void>(() => undefined), withinMs: 20 };
    await expect(engines.to(second, slow)).rejects.toThrow('longer than 20 ms');
    const unmarked = { ...nothing, commit: () => Promise.reject(new Error('full')) };
    await expect(engines.to(second, unmarked)).rejects.toThrow('full');
    await tenant.put('w', 1);
    expect(await first.engine.find('default', 'w')).toBeDefined();
  });

  it('lets those who listen hear of the switch, and of changes in the new engine', async () => {
    const [first, second] = [serving(), serving()];
    const engines = new EngineSwitch(first);
    let hints = 0;
    const stop = engines.front.onChange('default', 'workflow w', () => hints++);
    await engines.to(second, nothing);
    expect(hints).toBe(1);
    await new TestTenant(engines.front, 'default').put('w', 1);
    await until(() => hints === 2, 'the new engine says so');
    await new TestTenant(first.engine, 'default').put('w', 1);
    stop();
    await new TestTenant(second.engine, 'default').put('w', 2);
    await new Promise(setImmediate);
    expect(hints).toBe(2);
  });
});
