import type { EngineObserver } from '../../engine.js';
import type { RedisCommands } from '../connection/drivers/redis-driver.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { KeyTakenError } from '../../errors.js';
import { awayIfLost, classified, isOfWrongType, lostAnswer, LostAnswerError } from '../connection/redis-errors.js';
import { withTimeout } from '../../with-timeout.js';
import { prefixOf, stateKey } from '../keys.js';
import type { RedisScript } from './redis-script.js';
import { leadingArguments, type ScriptContext } from './script-context.js';
import type { SweepSchedule } from '../sweep-schedule.js';

/**
 * Runs scripts and commands that are safe to repeat. After a lost answer it asks once more, within the timeout of a
 * command, unless the caller forbids that.
 */
export class ScriptReader {
  constructor(
    private readonly connections: RedisConnections,
    private readonly context: ScriptContext,
    private readonly observer: EngineObserver,
    private readonly schedule: SweepSchedule,
  ) {}

  /**
   * Runs a script. Its keys are those of `ids`, by default any key of the tenant, which routes the call. `name` is for
   * the metrics.
   * @throws StoreUnavailableError
   */
  run(
    script: RedisScript,
    name: string,
    tenant: string,
    args: readonly string[],
    ids: readonly string[] = [''],
    keyOf = stateKey,
    isRepeatable = true,
  ): Promise<unknown> {
    const prefix = prefixOf(this.context.namespace, tenant);
    const keys = ids.map((id) => keyOf(prefix, id));
    const route = keys[0] ?? stateKey(prefix);
    const ask = () =>
      script.run(this.connections.command(route), keys, [...leadingArguments(this.context, tenant), ...args]);
    return this.#twice(name, route, ask, isRepeatable);
  }

  /**
   * Runs a script that may store something that expires or becomes due, and that does no harm if it comes late. Others
   * need a fence: ScriptWriter. @throws StoreUnavailableError
   */
  async write(
    script: RedisScript,
    name: string,
    tenant: string,
    args: readonly string[],
    ids?: readonly string[],
  ): Promise<unknown> {
    await this.schedule.announce(tenant);
    return this.run(script, name, tenant, args, ids);
  }

  /** Time that tests give the scripts; 0 for that of the server. */
  get givenTime(): number {
    return Number(this.context.now());
  }

  prefixOf(tenant: string): string {
    return prefixOf(this.context.namespace, tenant);
  }

  /** Error for a key that holds something of another program. */
  taken(key: string, type = 'value of another type'): KeyTakenError {
    return this.context.taken.noted(new KeyTakenError(key, type));
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.commands('get', key, (client) => client.get(key))) ?? undefined;
  }

  /** For idempotent commands on one key. */
  commands<T>(name: string, key: string, ask: (client: RedisCommands) => Promise<T>): Promise<T> {
    const once = () =>
      ask(this.connections.command(key)).catch((error: unknown) => {
        throw isOfWrongType(error) ? new KeyTakenError(key, 'value of another type') : error;
      });
    return this.#twice(name, key, once);
  }

  async #twice<T>(name: string, key: string, ask: () => Promise<T>, isRepeatable = true): Promise<T> {
    const started = performance.now();
    let outcome: 'ok' | 'failed' = 'ok';
    try {
      const answer = await ask();
      this.connections.answered(key);
      return answer;
    } catch (error) {
      try {
        if (!isRepeatable) throw error;
        return await this.#again(key, ask, started, error);
      } catch (failure) {
        outcome = 'failed';
        throw this.context.taken.noted(awayIfLost(failure));
      }
    } finally {
      this.observer.command(name, (performance.now() - started) / 1000, outcome);
    }
  }

  /** @throws the error, if there was an answer */
  async #again<T>(key: string, ask: () => Promise<T>, started: number, error: unknown): Promise<T> {
    if (!(classified(error) instanceof LostAnswerError)) throw error;
    const left = this.connections.config.commandTimeoutMs - (performance.now() - started);
    await this.connections.ready(key, left);
    return withTimeout(ask(), left, lostAnswer);
  }
}
