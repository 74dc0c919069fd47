import { Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { RedisConnections } from './connection/redis-connections.js';
import { checkServer } from './connection/server-check.js';

/** Owns the connections of the process. Without Redis in the configuration there are none. */
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

  /** Resolves when the first attempt to connect has ended. May be called before the hook of this module ran. */
  opened(): Promise<void> {
    return (this.#opened ??= this.#open());
  }

  /** Runs `end` before the connections close, in whatever order Nest runs the hooks of the modules. */
  usedUntil(end: () => Promise<void>): void {
    this.#users.push(end);
  }

  async #open(): Promise<void> {
    if (this.connections === undefined) return;
    await this.connections.open();
    // An unfit server is refused at the start; an unreachable one is checked when it comes back.
    if (this.connections.isReady) await this.check();
  }

  /** Checks the server once. @throws UnfitRedisError */
  async check(): Promise<void> {
    if (this.#isChecked || this.connections === undefined) return;
    await checkServer(this.connections, undefined, this.connections.config.upgrades);
    this.#isChecked = true;
  }

  async onModuleDestroy(): Promise<void> {
    for (const end of this.#users) await end();
    await this.connections?.close();
  }
}

@Module({ providers: [RedisClient], exports: [RedisClient] })
export class RedisModule {}
