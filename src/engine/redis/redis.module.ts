import { Injectable, Module, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { StoreRefusedError, StoreUnavailableError } from '../errors.js';
import { OtherSchemaError } from './connection/other-schema-error.js';
import { RedisConnections } from './connection/redis-connections.js';
import { checkServer } from './connection/server-check.js';

/** Redis answers, but will not serve a replica with these settings. */
export class RedisSettingsError extends Error {
  constructor(address: string, why: string) {
    super(`Redis at ${address} cannot be used with these settings: ${why}`);
  }
}

function whatRefuses({ cause }: StoreRefusedError): string {
  const says = cause instanceof Error ? cause.message : 'it refuses a command';
  return /\bNOPERM\b/.test(says) ? `its user lacks a right that docs/redis.md lists (${says})` : says;
}

/** Owns the connections of the process. Without Redis in the configuration there are none. */
@Injectable()
export class RedisClient implements OnModuleInit, BeforeApplicationShutdown {
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
    try {
      await this.connections.open();
      await this.#refuseMistakes();
    } catch (error) {
      await this.connections.close();
      throw error;
    }
  }

  /**
   * An unfit server, refused credentials and wrong TLS end the start. An unreachable server does not: it is checked when
   * it comes back.
   * @throws UnfitRedisError, RedisSettingsError
   */
  async #refuseMistakes(): Promise<void> {
    const connections = this.connections as RedisConnections;
    if (!connections.isReady) {
      const mistake = await connections.mistake();
      if (mistake !== undefined && !connections.isReady) throw new RedisSettingsError(connections.address, mistake);
      return;
    }
    try {
      await this.check();
    } catch (error) {
      if (error instanceof StoreRefusedError) throw new RedisSettingsError(connections.address, whatRefuses(error));
      const isAway = error instanceof StoreUnavailableError && !(error instanceof OtherSchemaError);
      if (connections.isReady && !isAway) throw error;
    }
  }

  /** Checks the server once. @throws UnfitRedisError */
  async check(): Promise<void> {
    if (this.#isChecked || this.connections === undefined) return;
    await checkServer(this.connections, undefined, this.connections.config.upgrades);
    this.#isChecked = true;
  }

  /** After all modules are destroyed: some of them still write then. */
  async beforeApplicationShutdown(): Promise<void> {
    for (const end of this.#users) await end();
    await this.connections?.close();
  }
}

@Module({ providers: [RedisClient], exports: [RedisClient] })
export class RedisModule {}
