import { Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { RedisConnections } from './connection/redis-connections.js';
import { checkServer } from './connection/server-check.js';

/** Opens and closes the connections of the process; nobody else does. Without Redis there is nothing to open. */
@Injectable()
export class RedisClient implements OnModuleInit, OnModuleDestroy {
  readonly connections: RedisConnections | undefined;
  #isChecked = false;
  #opened: Promise<void> | undefined;
  readonly #users: (() => Promise<void>)[] = [];

  constructor(config: Config) {
    this.connections = config.redis && new RedisConnections(config.redis);
  }

  onModuleInit(): Promise<void> {
    return this.opened();
  }

  /** Settles when it is clear whether Redis can be reached. Whoever begins with it need not know whose hook comes first. */
  opened(): Promise<void> {
    return (this.#opened ??= this.#open());
  }

  /** `end` is done with Redis before the connections close, whose hook comes first or not. */
  usedUntil(end: () => Promise<void>): void {
    this.#users.push(end);
  }

  async #open(): Promise<void> {
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
    for (const end of this.#users) await end();
    await this.connections?.close();
  }
}

@Module({ providers: [RedisClient], exports: [RedisClient] })
export class RedisModule {}
