import { StoreAwayError } from '../../errors.js';
import type { ServerNode } from './drivers/redis-driver.js';
import { withTimeout } from '../../with-timeout.js';
import { groupsOf } from '../scripts/reply.js';
import type { RedisConnections } from './redis-connections.js';

export type Words = Readonly<Record<string, string>>;

/** INFO and CONFIG of one server, as far as this user may read them. */
export interface ServerState {
  readonly address: string;
  /** Empty if this user may not run INFO. */
  readonly info: Words;
  /** Empty if this user may not run CONFIG. */
  readonly config: Words;
}

/** States of the servers that answer, and the addresses of those that do not. */
export interface StatesRead {
  readonly states: readonly ServerState[];
  readonly away: readonly string[];
}

const ASKED = ['save', 'appendfsync', 'maxmemory-policy', 'min-replicas-to-write', 'cluster-require-full-coverage'];
/** Replies to a user without the permission, and of a service without the command. */
const REFUSED = /^NOPERM|unknown command|not (available|allowed|supported)|^ERR Command .*not/i;

/** Reads the state of all servers. Refused commands are not sent again. */
export class ServerStates {
  readonly #refused = new Set<string>();

  constructor(private readonly connections: RedisConnections) {}

  /** Commands that this user may not run or the server does not have. */
  get refused(): ReadonlySet<string> {
    return this.#refused;
  }

  /** Of several servers, each has this time. @throws Error if none answers */
  async read(withinMs = this.connections.config.commandTimeoutMs): Promise<StatesRead> {
    const nodes = await this.connections.nodes();
    const [only] = nodes;
    if (only !== undefined && nodes.length === 1) return { states: [await this.#readOne(only)], away: [] };
    const late = () => {
      throw new StoreAwayError();
    };
    const read = await Promise.allSettled(nodes.map((node) => withTimeout(this.#readOne(node), withinMs, late)));
    const states = read.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (states.length === 0) throw new StoreAwayError();
    return { states, away: nodes.flatMap(({ address }, i) => (read[i]?.status === 'rejected' ? address : [])) };
  }

  async #readOne(node: ServerNode): Promise<ServerState> {
    return {
      address: node.address,
      info: infoOf(await this.#ask(node, 'INFO')),
      config: await this.#config(node),
    };
  }

  async #config(node: ServerNode): Promise<Words> {
    const answers = await Promise.all(ASKED.map((name) => this.#ask(node, 'CONFIG', 'GET', name)));
    return Object.assign({}, ...answers.map(pairsOf)) as Words;
  }

  async #ask(node: ServerNode, command: string, ...args: string[]): Promise<unknown> {
    if (this.#refused.has(command)) return undefined;
    try {
      return await node.ask(command, ...args);
    } catch (error) {
      if (!(error instanceof Error && REFUSED.test(error.message))) throw error;
      this.#refused.add(command);
      return undefined;
    }
  }
}

function infoOf(text: unknown): Words {
  if (typeof text !== 'string') return {};
  return Object.fromEntries(
    text.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0 && !line.startsWith('#') ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
    }),
  );
}

/** RESP2 gives names and values in turn, RESP3 a map. */
function pairsOf(reply: unknown): Words {
  if (reply instanceof Map) return Object.fromEntries(reply) as Words;
  if (!Array.isArray(reply)) return {};
  return Object.fromEntries(groupsOf(reply as string[], 2).map(([name, value]) => [name, String(value)]));
}
