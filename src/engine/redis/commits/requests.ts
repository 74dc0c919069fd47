import type { EngineOptions } from '../../engine.js';
import { StoreFullError, StoreUnavailableError } from '../../errors.js';
import { stateKey, prefixOf } from '../keys.js';
import { CALLS, RedisScript, TASKS } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';
import type { Fence, ScriptArguments, ScriptContext, Sender } from './sender.js';

/** Of one call; more would hold up Redis for everybody. */
const MOST_REQUESTS = 16;
const MOST_CHARACTERS = 64 * 1024;
const MOST_CLAIMS = 64;

/** Requests that share a script go out together. */
const scripts = {
  workflows: new RedisScript([...CALLS, 'conflict-records', 'no-tasks'], 'commit', 'conflict', 'requests'),
  tasks: new RedisScript(
    [...TASKS, 'conflict-records', 'board', 'feed-epoch'],
    'commit',
    'claim',
    'end',
    'step',
    'requests',
  ),
  dead: new RedisScript(TASKS, 'dead', 'requests'),
};
export type Room = keyof typeof scripts;

/** One commit, claim or step. Its plan is JSON; states and payloads travel beside it, as the texts they are. */
export interface ScriptRequest {
  readonly plan: object;
  /** State keys of the workflows it names. */
  readonly keys?: readonly string[];
  readonly texts?: readonly string[];
  /** How many payloads its reply may bring. */
  readonly claims?: number;
}

interface Waiting extends ScriptRequest {
  readonly resolve: (reply: readonly unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends what happens once. What comes up in one turn of the event loop goes out as one call of a script, which does one request after
 * the other, each for itself: under load that saves most of what a call costs, and nobody waits any longer than before.
 */
export class Requests {
  readonly #gathered = new Map<string, Waiting[]>();
  readonly #envelopes: Record<Room, object>;

  constructor(
    private readonly sender: Sender,
    private readonly context: ScriptContext,
  ) {
    this.#envelopes = envelopesOf(context.options);
  }

  /** @throws StoreUnavailableError, StoreFullError: not applied. @throws OutcomeUnknownError */
  send(tenant: string, room: Room, request: ScriptRequest): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      const name = `${room} ${tenant}`;
      let gathered = this.#gathered.get(name);
      if (gathered === undefined) {
        gathered = [];
        this.#gathered.set(name, gathered);
        setImmediate(() => this.#leave(name, tenant, room));
      }
      gathered.push({ ...request, resolve, reject });
      if (gathered.length >= MOST_REQUESTS || isLarge(gathered)) this.#leave(name, tenant, room);
    });
  }

  #leave(name: string, tenant: string, room: Room): void {
    const gathered = this.#gathered.get(name);
    this.#gathered.delete(name);
    if (gathered !== undefined) void this.#send(tenant, room, gathered);
  }

  async #send(tenant: string, room: Room, gathered: readonly Waiting[]): Promise<void> {
    try {
      const replies = await this.sender.send(tenant, scripts[room], (fence) =>
        this.#argumentsOf(tenant, room, gathered, fence),
      );
      gathered.forEach(({ resolve, reject }, i) => {
        try {
          resolve(replyOf(replies[i]));
        } catch (error) {
          reject(error);
        }
      });
    } catch (error) {
      for (const { reject } of gathered) reject(error);
    }
  }

  #argumentsOf(tenant: string, room: Room, gathered: readonly Waiting[], fence: Fence): ScriptArguments {
    const keys: string[] = [];
    const texts: string[] = [];
    const requests: object[] = [];
    for (const request of gathered) {
      if (request.keys !== undefined) keys.push(...request.keys);
      if (request.texts !== undefined) texts.push(...request.texts);
      requests.push(request.plan);
    }
    // Queues have no key that every call touches; any key of the tenant routes the script.
    if (keys.length === 0) keys.push(stateKey(prefixOf(this.context.namespace, tenant), ''));
    return { keys, args: [JSON.stringify({ ...fence, ...this.#envelopes[room], requests }), ...texts] };
  }
}

function envelopesOf({ historyLimit, historyMaxBytes, tasks }: EngineOptions): Record<Room, object> {
  const workflows = { historyLimit, historyMaxBytes };
  return { workflows, tasks: { ...workflows, limits: tasks }, dead: { limits: tasks } };
}

function isLarge(gathered: readonly ScriptRequest[]): boolean {
  let [characters, claimed] = [0, 0];
  for (const { texts = [], claims = 0 } of gathered) {
    for (const { length } of texts) characters += length;
    claimed += claims;
  }
  return characters > MOST_CHARACTERS || claimed > MOST_CLAIMS;
}

/** @throws StoreFullError, StoreUnavailableError */
function replyOf(reply: unknown): readonly unknown[] {
  const list = listOf(reply);
  if (list[0] !== 'failed') return list;
  const cause = new Error(textOf(list[1]).slice(0, 200));
  throw /\bOOM\b/.test(cause.message) ? new StoreFullError({ cause }) : new StoreUnavailableError({ cause });
}
