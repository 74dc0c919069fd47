import { USUAL_FEED, type EngineObserver, type EngineOptions } from '../../engine.js';
import { OutcomeUnknownError, StoreAwayError, StoreUnavailableError } from '../../errors.js';
import type { Fences } from '../connection/fences.js';
import { prefixOf } from '../keys.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { withTimeout } from '../../../with-timeout.js';
import { classified, lostAnswer, LostAnswerError } from '../connection/redis-errors.js';
import type { RedisScript } from '../scripts/redis-script.js';
import { listOf } from '../scripts/reply.js';

const MOST_RETRIES = 2;

/** What every call of a script begins with, behind the prefix and the time: see scripts/modules/base.lua. */
export function policyOf({ defaultTtlMs, feed = USUAL_FEED }: EngineOptions): string {
  return `${defaultTtlMs} ${feed.mostEvents}`;
}

/** What every call of a script begins with. */
export interface ScriptContext {
  readonly namespace: string;
  readonly options: EngineOptions;
  /** The time for the scripts as text, '' for the server's own. */
  readonly now: () => string;
}

/** Which connection sends it; a part of every plan that happens once. */
export interface Fence {
  readonly replica: string;
  readonly epoch: string;
}

/** Keys, and arguments behind prefix, time and default time to live. */
export interface ScriptArguments {
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** Sends what happens once until its fate is known: a lost answer is asked for again, under the same once keys and a new epoch. */
export class Sender {
  constructor(
    private readonly connections: RedisConnections,
    private readonly fences: Fences,
    private readonly context: ScriptContext,
    private readonly observer: EngineObserver,
  ) {}

  /** @throws StoreUnavailableError, StoreFullError: not applied. @throws OutcomeUnknownError */
  async send(
    tenant: string,
    script: RedisScript,
    argumentsFor: (fence: Fence) => ScriptArguments,
  ): Promise<readonly unknown[]> {
    // One deadline for all attempts: whoever waits has waited long enough when one command could have timed out.
    const deadline = performance.now() + this.connections.config.commandTimeoutMs;
    let isUnknown = false;
    for (let attempt = 0; ; attempt++) {
      try {
        const sent = this.#attempt(tenant, script, argumentsFor);
        // The first attempt ends by itself: its connection is given up when it says nothing for so long.
        const reply = await (attempt === 0 ? sent : withTimeout(sent, deadline - performance.now(), lostAnswer));
        this.connections.breaker.succeeded();
        if (reply[0] !== 'fenced') return reply;
        // Another connection of this replica was lost in between; this attempt at least has done nothing.
        this.fences.forget(tenant);
      } catch (error) {
        const failure = classified(error);
        isUnknown ||= failure instanceof LostAnswerError;
        if (!isUnknown) throw failure;
        this.observer.retried('lost-answer');
      }
      if (attempt >= MOST_RETRIES || performance.now() >= deadline) break;
      await this.connections.ready(deadline - performance.now());
    }
    throw isUnknown ? new OutcomeUnknownError() : new StoreUnavailableError();
  }

  async #attempt(
    tenant: string,
    script: RedisScript,
    argumentsFor: (fence: Fence) => ScriptArguments,
  ): Promise<readonly unknown[]> {
    const { namespace, options, now } = this.context;
    const epoch = await this.#epoch(tenant);
    const { keys, args } = argumentsFor({ replica: this.fences.replica, epoch });
    const client = this.connections.atOnce();
    return listOf(await script.run(client, keys, [prefixOf(namespace, tenant), now(), policyOf(options), ...args]));
  }

  /** An epoch that could not be begun is no lost answer of the commit: the commit has not been sent. */
  async #epoch(tenant: string): Promise<string> {
    try {
      return await this.fences.epochOf(tenant);
    } catch (error) {
      const failure = classified(error);
      throw failure instanceof LostAnswerError ? new StoreAwayError({ cause: failure }) : failure;
    }
  }
}
