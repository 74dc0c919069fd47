import { Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { RedisConnections } from './redis-connections.js';
import { checkServer } from './server-check.js';

/** Opens and closes the connections of the process; nobody else does. Without Redis there is nothing to open. */
@Injectable()
export class RedisClient implements OnModuleInit, OnModuleDestroy {
  readonly connections: RedisConnections | undefined;
  #isChecked = false;

  constructor(config: Config) {
    this.connections = config.redis && new RedisConnections(config.redis);
  }

  async onModuleInit(): Promise<void> {
    if (this.connections === undefined) return;
    await this.connections.open();
    // A server that is away now is waited for; one that is there and unfit is refused at once.
    if (this.connections.isReady) await this.check();
  }

  /** Once is enough. @throws UnfitRedisError */
  async check(): Promise<void> {
    if (this.#isChecked || this.connections === undefined) return;
    await checkServer(this.connections);
    this.#isChecked = true;
  }

  async onModuleDestroy(): Promise<void> {
    await this.connections?.close();
  }
}

@Module({ providers: [RedisClient], exports: [RedisClient] })
export class RedisModule {}
