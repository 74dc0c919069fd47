import { Global, Inject, Logger, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Metrics } from '../metrics/metrics.js';
import { editOf } from '../workflows/edits/edit-of.js';
import { Engine, type EngineOptions } from './engine.js';
import { VolatileJournal } from './detached/detached-journal.js';
import { FallbackEngine } from './detached/fallback-engine.js';
import { LmdbDetachedJournal } from './detached/lmdb-detached-journal.js';
import { MemoryEngine } from './memory/memory-engine.js';
import { LmdbJournal } from './memory/lmdb-journal.js';
import { RedisEngine } from './redis/redis-engine.js';
import { RedisClient, RedisModule } from './redis/redis.module.js';
import { WorkflowIndex } from './workflow-index.js';

function optionsOf(config: Config): EngineOptions {
  const { workflowTtlMs: defaultTtlMs, maxStateBytes, historyLimit, historyMaxBytes, tasks } = config;
  return { defaultTtlMs, maxStateBytes, historyLimit, historyMaxBytes, tasks };
}

/** What was accepted before the fallback was switched off must not be forgotten in silence. */
async function warnOfWaiting(dataDir: string): Promise<void> {
  if (!LmdbDetachedJournal.isIn(dataDir)) return;
  const journal = await LmdbDetachedJournal.open(dataDir);
  const { length } = journal.read().entries;
  await journal.close();
  if (length === 0) return;
  new Logger('Detached').error(
    `${length} writes that were accepted while Redis was away wait in ${dataDir}: start with REDIS_FALLBACK=memory to bring them into Redis`,
  );
}

/** Picks the engine by the configuration. Everybody else knows only `Engine`. */
@Global()
@Module({
  imports: [RedisModule],
  providers: [
    {
      provide: WorkflowIndex,
      inject: [Config],
      useFactory: (config: Config) => new WorkflowIndex(config.workflowIndex),
    },
    {
      provide: Engine,
      inject: [Config, WorkflowIndex, Metrics, RedisClient],
      useFactory: async (config: Config, index: WorkflowIndex, observer: Metrics, redis: RedisClient) => {
        const parts = { options: optionsOf(config), index, observer };
        if (redis.connections !== undefined) {
          const { breaker } = redis.connections;
          observer.breaker(breaker.state);
          breaker.onChange((state) => observer.breaker(state));
          const { fallback, namespace } = redis.connections.config;
          const store = new RedisEngine(redis.connections, { ...parts, namespace });
          const { dataDir, detached } = config;
          if (fallback === 'none') {
            if (dataDir !== undefined) await warnOfWaiting(dataDir);
            return store;
          }
          return new FallbackEngine({
            store,
            link: redis.connections,
            journal: dataDir === undefined ? new VolatileJournal() : await LmdbDetachedJournal.open(dataDir),
            ...parts,
            ...detached,
            editOf,
            check: () => redis.check(),
          });
        }
        const journal = config.dataDir === undefined ? undefined : await LmdbJournal.open(config.dataDir);
        return new MemoryEngine({ ...parts, ...(journal && { journal }) });
      },
    },
  ],
  exports: [Engine, WorkflowIndex],
})
export class EngineModule implements OnModuleInit, OnModuleDestroy {
  constructor(@Inject(Engine) private readonly engine: MemoryEngine | RedisEngine | FallbackEngine) {}

  async onModuleInit(): Promise<void> {
    await this.engine.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.engine.close();
  }
}
