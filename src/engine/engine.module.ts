import { Global, Inject, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Metrics } from '../metrics/metrics.js';
import { Engine, type EngineOptions } from './engine.js';
import { MemoryEngine } from './memory/memory-engine.js';
import { LmdbJournal } from './memory/lmdb-journal.js';
import { RedisEngine } from './redis/redis-engine.js';
import { RedisClient, RedisModule } from './redis/redis.module.js';
import { WorkflowIndex } from './workflow-index.js';

function optionsOf(config: Config): EngineOptions {
  const { workflowTtlMs: defaultTtlMs, maxStateBytes, historyLimit, historyMaxBytes, tasks, feed } = config;
  return { defaultTtlMs, maxStateBytes, historyLimit, historyMaxBytes, tasks, feed };
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
          return new RedisEngine(redis.connections, { ...parts, namespace: redis.connections.config.namespace });
        }
        const journal = config.dataDir === undefined ? undefined : await LmdbJournal.open(config.dataDir);
        return new MemoryEngine({ ...parts, ...(journal && { journal }) });
      },
    },
  ],
  exports: [Engine, WorkflowIndex],
})
export class EngineModule implements OnModuleInit, OnModuleDestroy {
  constructor(@Inject(Engine) private readonly engine: MemoryEngine | RedisEngine) {}

  async onModuleInit(): Promise<void> {
    await this.engine.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.engine.close();
  }
}
