import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineObserver, EngineOptions } from '../engine.js';
import {
  IdempotencyMismatchError,
  OutcomeUnknownError,
  StoreUnavailableError,
  VersionConflictError,
  WorkflowNotFoundError,
} from '../errors.js';
import type { CommittedWorkflow, Outcome, Part } from '../commit.js';
import { argumentsOf, type Plan } from './commit-plan.js';
import type { Fences } from './fences.js';
import { prefixOf } from './keys.js';
import type { RedisConnections } from './redis-connections.js';
import { classified, LostAnswerError } from './redis-errors.js';
import { RedisScript } from './redis-script.js';
import { committedOf, foundOf, listOf, metaOf, replayOf, textOf } from './replies.js';
import type { WorkflowRecord } from '../records.js';

const commitScript = new RedisScript('workflow', 'writing', 'commit');
const MOST_RETRIES = 2;

/** What the script said to a plan. */
export type Verdict =
  | { readonly is: 'done'; readonly workflows: readonly CommittedWorkflow[] }
  | { readonly is: 'replayed'; readonly outcome: Outcome }
  /** Several once keys, of which those at these places (from 0) are known. */
  | { readonly is: 'known'; readonly places: readonly number[] }
  | { readonly is: 'conflict'; readonly part: Part; readonly at: number; readonly current: WorkflowRecord | undefined }
  | { readonly is: 'missing'; readonly part: Part; readonly at: number }
  | { readonly is: 'fine' }
  /** A value of another program stands in the way of a touch. */
  | { readonly is: 'adopt'; readonly id: string };

/** What every call of a script begins with. */
export interface ScriptContext {
  readonly namespace: string;
  readonly options: EngineOptions;
  /** The time for the scripts as text, '' for the server's own. */
  readonly now: () => string;
}

/** Sends a plan until its fate is known: a lost answer is asked for again, under the same once keys and a new epoch. */
export class Committer {
  constructor(
    private readonly connections: RedisConnections,
    private readonly fences: Fences,
    private readonly context: ScriptContext,
    private readonly observer: EngineObserver,
  ) {}

  /** @throws StoreUnavailableError, StoreFullError: not applied. @throws OutcomeUnknownError */
  async send(tenant: string, plan: Plan): Promise<Verdict> {
    const deadline = performance.now() + (MOST_RETRIES + 1) * this.connections.config.commandTimeoutMs;
    let isUnknown = false;
    for (let attempt = 0; ; attempt++) {
      try {
        const reply = await this.#attempt(tenant, plan);
        if (reply[0] !== 'fenced') return verdictOf(reply);
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

  async #attempt(tenant: string, plan: Plan): Promise<readonly unknown[]> {
    const { namespace, options, now } = this.context;
    const prefix = prefixOf(namespace, tenant);
    const { replica } = this.fences;
    const epoch = await this.#epoch(tenant);
    const { keys, args } = argumentsOf(prefix, plan, options, { replica, epoch });
    const client = this.connections.command();
    return listOf(await commitScript.run(client, keys, [prefix, now(), options.defaultTtlMs, ...args]));
  }

  /** An epoch that could not be begun is no lost answer of the commit: the commit has not been sent. */
  async #epoch(tenant: string): Promise<string> {
    try {
      return await this.fences.epochOf(tenant);
    } catch (error) {
      const failure = classified(error);
      throw failure instanceof LostAnswerError ? new StoreUnavailableError({ cause: failure }) : failure;
    }
  }
}

function verdictOf(reply: readonly unknown[]): Verdict {
  const [word, first, second, line, state] = reply;
  switch (word) {
    case 'done':
      return { is: 'done', workflows: reply.slice(1).map(committedOf) };
    case 'replayed':
      return { is: 'replayed', outcome: replayOf(textOf(first)) };
    case 'mismatch':
      throw new IdempotencyMismatchError();
    case 'known':
      return { is: 'known', places: reply.slice(1).map((place) => Number(place) - 1) };
    case 'conflict': {
      const current = line === undefined || line === null ? undefined : metaOf(foundOf('', line));
      const record = current && { ...current, state: typeof state === 'string' ? state : '' };
      return { is: 'conflict', part: textOf(first) as Part, at: Number(second), current: record };
    }
    case 'missing':
      return { is: 'missing', part: textOf(first) as Part, at: Number(second) };
    case 'fine':
      return { is: 'fine' };
    case 'adopt':
      return { is: 'adopt', id: textOf(first) };
    default:
      throw new StoreUnavailableError({ cause: new Error('a reply of Redis has an unexpected shape') });
  }
}

/** The refusal of a verdict as the error it is; ids come from the commit. */
export function refusalOf(verdict: Extract<Verdict, { is: 'conflict' | 'missing' }>, id: string): Error {
  const failed = { part: verdict.part, index: verdict.at };
  if (verdict.is === 'missing') return new WorkflowNotFoundError(id, failed);
  return new VersionConflictError(failed, id, verdict.current && { ...verdict.current, id });
}

/** After a lost round: enough for others to get ahead, too little to notice. */
export function jitter(round: number): Promise<void> {
  return sleep(Math.random() * Math.min(2 ** round, 32));
}
