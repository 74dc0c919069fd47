import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as RestClient } from '@upstash/redis';
import { ReplyError } from 'ioredis';
import type { RedisConfig, RedisTopology } from '../../../../config/config.js';
import { StoreAwayError, StoreUnavailableError } from '../../../errors.js';
import { startPatientTimer } from '../../../patient-timer.js';
import { LostAnswerError } from '../redis-errors.js';
import {
  ONLY_SERVER,
  type DriverEvents,
  type RedisCommands,
  type RedisDriver,
  type ServerNode,
} from './redis-driver.js';

const PAUSE_MS = 500;

/** Errors of Redis begin with their kind in capitals; those of a gateway do not. */
const OF_REDIS = /^[A-Z][A-Z0-9_]+ /;
const NOT_LET_IN = /^(Unauthorized|WRONGPASS|NOAUTH|Forbidden)/i;
/** Cuts the command from an error of the client: the command can contain a state. */
const COMMAND_FOLLOWS = /, command was: [^]*$/;

/**
 * Redis behind HTTP, one request per command. No connection is held open, so there is no pub/sub. A request that times out may
 * still be carried out, so it counts as a lost connection.
 */
export class RestDriver implements RedisDriver {
  readonly address: string;
  readonly canSubscribe = false;
  readonly servers = [ONLY_SERVER];
  readonly #client: RestClient;
  readonly #commands: RedisCommands;
  #isReady = false;
  #isClosed = false;

  constructor(
    config: RedisConfig,
    { url, token }: Extract<RedisTopology, { kind: 'rest' }>,
    private readonly events: DriverEvents,
  ) {
    this.address = new URL(url).origin;
    this.#client = new RestClient({
      url,
      token,
      automaticDeserialization: false,
      // Plain JSON can carry every text. The default, base64, costs decoding and loses a byte order mark.
      responseEncoding: false,
      enableTelemetry: false,
      enableAutoPipelining: false,
      retry: { retries: 0 },
      // A function, because after an abort a shared signal would answer later requests with null.
      signal: () => deadline(config.commandTimeoutMs),
    });
    this.#commands = commandsOver((...command) => this.#ask(command));
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  serverOf(): string {
    return ONLY_SERVER;
  }

  isReadyFor(): boolean {
    return this.#isReady;
  }

  async open(): Promise<void> {
    await this.#try();
    if (!this.#isReady) void this.#tryOn();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isReady = false;
  }

  commands(): RedisCommands {
    if (!this.#isReady) throw new StoreAwayError();
    return this.#commands;
  }

  async ping(): Promise<unknown> {
    return this.commands().ping();
  }

  subscriber(): undefined {
    return undefined;
  }

  async nodes(): Promise<readonly ServerNode[]> {
    if (!this.#isReady) throw new StoreAwayError();
    return [{ address: this.address, ask: (...command) => this.#ask(command) }];
  }

  async blocking(): Promise<undefined> {
    return undefined;
  }

  /** @throws ReplyError, LostAnswerError */
  async #ask(command: (string | number)[]): Promise<unknown> {
    try {
      return await this.#client.exec(command as [string, ...(string | number)[]]);
    } catch (error) {
      const failure = failureOf(error);
      if (failure instanceof LostAnswerError) this.#lose(failure);
      throw failure;
    }
  }

  #lose(failure: Error): void {
    this.events.failed(failure);
    this.events.lost(ONLY_SERVER);
    if (!this.#isReady) return;
    this.#isReady = false;
    this.events.changed();
    void this.#tryOn();
  }

  async #tryOn(): Promise<void> {
    while (!this.#isReady && !this.#isClosed) {
      await sleep(PAUSE_MS, undefined, { ref: false });
      await this.#try();
    }
  }

  async #try(): Promise<void> {
    try {
      await this.#client.exec(['PING']);
      if (this.#isClosed || this.#isReady) return;
      this.#isReady = true;
      this.events.changed();
    } catch (error) {
      this.events.failed(failureOf(error));
      this.events.changed();
    }
  }
}

function deadline(ms: number): AbortSignal {
  const controller = new AbortController();
  const expired = () => controller.abort(new DOMException('no answer in time', 'TimeoutError'));
  startPatientTimer(ms, expired, { keepsAlive: false });
  return controller.signal;
}

function failureOf(error: unknown): Error {
  const message = (error instanceof Error ? error.message : String(error)).replace(COMMAND_FOLLOWS, '');
  if (NOT_LET_IN.test(message)) return new StoreUnavailableError({ cause: new Error(message) });
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return OF_REDIS.test(message) ? new ReplyError(message) : new LostAnswerError(message.slice(0, 200) + cause);
}

function commandsOver(ask: (...command: (string | number)[]) => Promise<unknown>): RedisCommands {
  return {
    isCluster: false,
    evalsha: (sha, keyCount, ...rest) => ask('EVALSHA', sha, keyCount, ...rest),
    eval: (source, keyCount, ...rest) => ask('EVAL', source, keyCount, ...rest),
    ping: () => ask('PING') as Promise<string>,
    get: (key) => ask('GET', key) as Promise<string | null>,
    set: (key: string, value: string, ...how: ['PX', number] | ['NX']) => ask('SET', key, value, ...how),
    hset: (key, field, value) => ask('HSET', key, field, value),
    zadd: (key, score, member) => ask('ZADD', key, score, member),
    zrange: (key, start, stop) => ask('ZRANGE', key, start, stop) as Promise<string[]>,
    publish: (channel, message) => ask('PUBLISH', channel, message),
  };
}
