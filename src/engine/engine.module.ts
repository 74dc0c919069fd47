import { Global, Module, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Engine } from './engine.js';
import { EditMaker } from './edit-maker.js';
import { optionsOf } from './engine-options.js';
import { LoadProgress } from './load-progress.js';
import { MemoryEngine } from './memory/memory-engine.js';
import { LmdbJournal } from './memory/journal/lmdb-journal.js';
import { RedisClient, RedisModule } from './redis/redis.module.js';
import { storeEngine } from './store-engine.js';
import { StoreObserver } from './store-observer.js';
import { EngineSwitch, servingBy } from './switching/engine-switch.js';
import { WorkflowIndex } from './workflow-index.js';

/** Selects the engine by the configuration. Other modules use only `Engine`. */
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
      inject: [Config, WorkflowIndex, StoreObserver, EditMaker, RedisClient, LoadProgress],
      useFactory: async (
        config: Config,
        index: WorkflowIndex,
        observer: StoreObserver,
        edits: EditMaker,
        redis: RedisClient,
        progress: LoadProgress,
      ) => {
        if (redis.connections !== undefined) {
          const check = () => redis.check();
          const parts = { config, index, observer, edits, check };
          return new EngineSwitch(servingBy(await storeEngine(redis.connections, parts)));
        }
        const journal =
          config.dataDir === undefined
            ? undefined
            : await LmdbJournal.open(config.dataDir, (share) => progress.report(share));
        const parts = { options: optionsOf(config), index, observer };
        return new EngineSwitch(servingBy(new MemoryEngine({ ...parts, ...(journal && { journal }) })));
      },
    },
    { provide: Engine, inject: [EngineSwitch], useFactory: ({ front }: EngineSwitch) => front },
  ],
  exports: [Engine, EngineSwitch, WorkflowIndex],
})
export class EngineModule implements OnModuleInit, BeforeApplicationShutdown {
  constructor(
    private readonly engines: EngineSwitch,
    private readonly redis: RedisClient,
  ) {
    redis.usedUntil(() => engines.close());
  }

  async onModuleInit(): Promise<void> {
    await this.redis.opened();
    await this.engines.start();
  }

  /** After all modules are destroyed: some of them still write then. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.engines.close();
  }
}
