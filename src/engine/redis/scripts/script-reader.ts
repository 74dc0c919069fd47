import type { EngineObserver } from '../../engine.js';
import { StoreAwayError } from '../../errors.js';
import type { RedisCommands } from '../connection/drivers/redis-driver.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { classified, lostAnswer, LostAnswerError } from '../connection/redis-errors.js';
import { withTimeout } from '../../with-timeout.js';
import type { RedisScript } from './redis-script.js';
import { leadingArguments, type ScriptContext } from './script-context.js';

/** Runs scripts and commands that are safe to repeat. After a lost answer it asks once more, within the timeout of a command. */
export class ScriptReader {
  constructor(
    private readonly connections: RedisConnections,
    private readonly context: ScriptContext,
    private readonly observer: EngineObserver,
  ) {}

  /** @throws StoreUnavailableError */
  run(
    script: RedisScript,
    name: string,
    tenant: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    return this.#twice(name, () =>
      script.run(this.connections.command(), keys, [...leadingArguments(this.context, tenant), ...args]),
    );
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#twice('get', () => this.connections.command().get(key))) ?? undefined;
  }

  /** For idempotent commands. */
  commands<T>(name: string, ask: (client: RedisCommands) => Promise<T>): Promise<T> {
    return this.#twice(name, () => ask(this.connections.command()));
  }

  async #twice<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      const answer = await ask();
      this.connections.breaker.succeeded();
      this.observer.command(name, (performance.now() - started) / 1000, 'ok');
      return answer;
    } catch (error) {
      return this.#again(name, ask, started, classified(error));
    }
  }

  async #again<T>(name: string, ask: () => Promise<T>, started: number, first: Error): Promise<T> {
    let failure = first;
    if (failure instanceof LostAnswerError) {
      const left = this.connections.config.commandTimeoutMs - (performance.now() - started);
      try {
        await this.connections.ready(left);
        const answer = await withTimeout(ask(), left, lostAnswer);
        this.observer.command(name, (performance.now() - started) / 1000, 'ok');
        return answer;
      } catch (error) {
        failure = classified(error);
      }
    }
    this.observer.command(name, (performance.now() - started) / 1000, 'failed');
    throw failure instanceof LostAnswerError ? new StoreAwayError({ cause: failure }) : failure;
  }
}
