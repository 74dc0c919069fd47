import type { RedisConfig } from '../../../config/config.js';
import { OutcomeUnknownError, StoreFullError } from '../../errors.js';
import { ServiceError } from '../../../service-error.js';
import type { RedisConnections } from '../connection/redis-connections.js';
import { awayIfLost, isOfWrongType, refusalIn, refused } from '../connection/redis-errors.js';
import { prefixOf, stateKey } from '../keys.js';
import type { FencedCalls } from './fenced-calls.js';
import { CALLS, RedisScript, TASKS } from './redis-script.js';
import { listOf, textOf } from './reply.js';
import { leadingArguments, type Fence, type ScriptContext } from './script-context.js';

/** Limits of one call. While a script runs, Redis does nothing else. */
const MAX_REQUESTS = 16;
const MAX_CHARACTERS = 64 * 1024;
const MAX_CLAIMS = 64;

const SCRIPTS = {
  workflows: new RedisScript(CALLS, 'commit', 'conflict', 'requests'),
  tasks: new RedisScript([...TASKS, 'board', 'feed-epoch'], 'commit', 'claim', 'end', 'step', 'requests'),
  dead: new RedisScript(TASKS, 'dead', 'requests'),
};

/**
 * Longest time after the first sending at which a request may still reach the server. All attempts begin within one
 * timeout; the last one takes at most one more, and two on a Cluster, which may redirect it.
 */
export function longestSendMs({ commandTimeoutMs }: RedisConfig): number {
  return 3 * commandTimeoutMs;
}

export type ScriptSet = keyof typeof SCRIPTS;

/** One commit, claim or step. */
export interface ScriptRequest {
  /** Requests of the same set share a call. */
  readonly scripts: ScriptSet;
  /** See requests.lua. States and payloads are arguments of their own, as plain text. */
  readonly args: readonly string[];
  /** Workflows that it is about; their keys route the call. */
  readonly ids?: readonly string[];
  /** Maximum number of payloads in the reply. */
  readonly claims?: number;
}

/** Arguments of a request: its plan as JSON, and its texts. */
export function planArguments(plan: object, texts: readonly string[] = []): string[] {
  // Spreads last: V8 is many times slower with a member after a spread.
  return [JSON.stringify({ texts: texts.length, ...plan }), ...texts];
}

interface Waiting {
  readonly request: ScriptRequest;
  readonly resolve: (reply: readonly unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends requests that must be applied exactly once.
 * Requests of one turn of the event loop share a call of a script, which applies them one by one, each atomically.
 * Under load this saves most of the cost of a call, and adds no delay.
 * After a lost answer the call is repeated with the same once keys under a new epoch, until its outcome is known.
 */
export class ScriptSender {
  readonly #gathered = new Map<string, Waiting[]>();

  constructor(
    private readonly connections: RedisConnections,
    private readonly calls: FencedCalls,
    private readonly context: ScriptContext,
  ) {}

  /** @throws StoreUnavailableError, StoreFullError: not applied. @throws OutcomeUnknownError */
  send(tenant: string, request: ScriptRequest): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      const { scripts } = request;
      const key = `${scripts} ${tenant}`;
      let gathered = this.#gathered.get(key);
      if (gathered === undefined) {
        gathered = [];
        this.#gathered.set(key, gathered);
        setImmediate(() => this.#flush(key, tenant, scripts));
      }
      gathered.push({ request, resolve, reject });
      if (gathered.length >= MAX_REQUESTS || isLarge(gathered)) this.#flush(key, tenant, scripts);
    });
  }

  #flush(key: string, tenant: string, scripts: ScriptSet): void {
    const gathered = this.#gathered.get(key);
    this.#gathered.delete(key);
    if (gathered !== undefined) void this.#call(tenant, scripts, gathered);
  }

  async #call(tenant: string, scripts: ScriptSet, gathered: readonly Waiting[]): Promise<void> {
    try {
      const route = stateKey(prefixOf(this.context.namespace, tenant));
      const attempt = (fence: Fence) => this.#attempt(tenant, scripts, gathered, fence);
      const isFenced = (reply: readonly unknown[]) => reply[0] === 'fenced';
      const replies = await this.calls.untilKnown({ tenant, route, attempt, isFenced });
      gathered.forEach((one, i) => void this.#settle(tenant, scripts, one, replies[i]));
    } catch (error) {
      const failure = this.context.taken.noted(error);
      for (const { reject } of gathered) reject(failure);
    }
  }

  async #settle(tenant: string, scripts: ScriptSet, one: Waiting, reply: unknown): Promise<void> {
    try {
      const isNameless = hasFailed(reply) && isOfWrongType(failureOf(reply)) && !hasBegun(reply);
      // The request has changed nothing, so it may run again: this names the key.
      const trace = (fence: Fence) => this.#attempt(tenant, scripts, [one], fence, 'trace');
      const named = isNameless ? (await this.calls.once(tenant, trace))[0] : reply;
      one.resolve(replyOf(named));
    } catch (error) {
      one.reject(this.context.taken.noted(error instanceof ServiceError ? error : awayIfLost(error)));
    }
  }

  async #attempt(
    tenant: string,
    scripts: ScriptSet,
    gathered: readonly Waiting[],
    fence: Fence,
    how: 'run' | 'trace' = 'run',
  ): Promise<readonly unknown[]> {
    const prefix = prefixOf(this.context.namespace, tenant);
    const keys: string[] = [];
    const args: string[] = [...leadingArguments(this.context, tenant, fence), this.#callOf(tenant, scripts)];
    for (const { request } of gathered) {
      if (request.ids !== undefined) for (const id of request.ids) keys.push(stateKey(prefix, id));
      for (const arg of request.args) args.push(arg);
    }
    // A call about queues alone touches no fixed key; any key of the tenant routes it.
    if (keys.length === 0) keys.push(stateKey(prefix, ''));
    const reply = await SCRIPTS[scripts][how](this.connections.command(keys[0] as string, true), keys, args);
    // The script has run, whatever this is.
    if (!Array.isArray(reply)) throw new OutcomeUnknownError({ cause: new Error('a reply of Redis is no list') });
    return reply;
  }

  /** See request-call.lua. */
  #callOf(tenant: string, scripts: ScriptSet): string {
    const { options, profiles, retryWindowMs } = this.context;
    const { historyLimit, historyMaxBytes } = profiles.of(tenant);
    const limits = scripts === 'workflows' ? '' : ` ${JSON.stringify(options.tasks)}`;
    return `${retryWindowMs} ${historyLimit} ${historyMaxBytes}${limits}`;
  }
}

function isLarge(gathered: readonly Waiting[]): boolean {
  let [characters, claimed] = [0, 0];
  for (const { request } of gathered) {
    const { args, claims = 0 } = request;
    for (const { length } of args) characters += length;
    claimed += claims;
  }
  return characters > MAX_CHARACTERS || claimed > MAX_CLAIMS;
}

const hasFailed = (reply: unknown): boolean => listOf(reply)[0] === 'failed';
const hasBegun = (reply: unknown): boolean => listOf(reply)[2] === 'begun';
const failureOf = (reply: unknown): Error => new Error(textOf(listOf(reply)[1]));

/** @throws StoreFullError, KeyTakenError, StoreUnavailableError: not applied. @throws OutcomeUnknownError */
function replyOf(reply: unknown): readonly unknown[] {
  if (!hasFailed(reply)) return listOf(reply);
  const { message } = failureOf(reply);
  const known = refusalIn(message);
  // A full server refuses only the first write of a script, so nothing was written.
  if (known instanceof StoreFullError) throw known;
  if (hasBegun(reply)) throw new OutcomeUnknownError({ cause: new Error(message.slice(0, 200)) });
  throw known ?? refused(message);
}
