import { randomUUID } from 'node:crypto';
import type { Engine, EngineObserver, EngineOptions } from '../../src/engine/engine.js';
import type { TestClock } from '../support/clock.js';
import { TestTenant } from '../support/tenant.js';

/** An engine over a store of its own, with the limits of `testOptions` and fields of `testIndex`. */
export interface EngineUnderTest {
  /** A new one after `reopen`. */
  readonly engine: Engine;
  readonly clock: TestClock;
  /** Ends the engine and starts another one on the same store; absent where the store ends with the engine. */
  reopen?(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly options?: Partial<EngineOptions>;
  readonly observer?: EngineObserver;
}

export type OpenEngine = (given?: OpenOptions) => Promise<EngineUnderTest>;

export const MIB = 1024 * 1024;

export const testOptions: EngineOptions & { readonly defaultTtlMs: number } = {
  defaultTtlMs: 86_400_000,
  maxStateBytes: MIB,
  historyLimit: 50,
  historyMaxBytes: MIB,
  tasks: {
    maxOpen: 1000,
    maxBytes: 2 ** 30,
    resultMs: 3_600_000,
    progressMs: 600_000,
    deadMs: 604_800_000,
    maxDead: 1000,
  },
};

/** Engine, clock and tenants for the cases of one subject. */
export interface Fixture {
  readonly engine: Engine;
  readonly clock: TestClock;
  /** A fresh tenant. */
  tenant(): TestTenant;
  /** An engine with other limits, over another store, for one case. */
  withEngine(given: OpenOptions, run: (tenant: TestTenant, opened: EngineUnderTest) => Promise<void>): Promise<void>;
}

export function fixtureOf(open: OpenEngine, opened: () => EngineUnderTest): Fixture {
  return {
    get engine() {
      return opened().engine;
    },
    get clock() {
      return opened().clock;
    },
    tenant: () => newTenant(opened().engine),
    async withEngine(given, run) {
      const own = await open(given);
      try {
        await run(newTenant(own.engine), own);
      } finally {
        await own.close();
      }
    },
  };
}

export function newTenant(engine: Engine): TestTenant {
  return new TestTenant(engine, `t-${randomUUID()}`);
}
