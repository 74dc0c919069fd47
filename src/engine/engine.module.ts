import { Global, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Metrics } from '../metrics/metrics.js';
import { Engine } from './engine.js';
import { optionsOf } from './engine-options.js';
import { MemoryEngine } from './memory/memory-engine.js';
import { LmdbJournal } from './memory/lmdb-journal.js';
import { RedisEngine } from './redis/redis-engine.js';
import { RedisClient, RedisModule } from './redis/redis.module.js';
import { EngineSwitch, type ServingEngine } from './switching/engine-switch.js';
import { WorkflowIndex } from './workflow-index.js';

function serving(engine: MemoryEngine | RedisEngine): ServingEngine {
  return { engine, start: () => engine.start(), close: () => engine.close() };
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
      provide: EngineSwitch,
      inject: [Config, WorkflowIndex, Metrics, RedisClient],
      useFactory: async (config: Config, index: WorkflowIndex, observer: Metrics, redis: RedisClient) => {
        const parts = { options: optionsOf(config), index, observer };
        if (redis.connections !== undefined) {
          const { namespace } = redis.connections.config;
          return new EngineSwitch(serving(new RedisEngine(redis.connections, { ...parts, namespace })));
        }
        const journal = config.dataDir === undefined ? undefined : await LmdbJournal.open(config.dataDir);
        return new EngineSwitch(serving(new MemoryEngine({ ...parts, ...(journal && { journal }) })));
      },
    },
    { provide: Engine, inject: [EngineSwitch], useFactory: ({ front }: EngineSwitch) => front },
  ],
  exports: [Engine, EngineSwitch, WorkflowIndex],
})
export class EngineModule implements OnModuleInit, OnModuleDestroy {
  constructor(private readonly engines: EngineSwitch) {}

  async onModuleInit(): Promise<void> {
    await this.engines.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.engines.close();
  }
}
