import type { ServerNode } from './drivers/redis-driver.js';
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

const ASKED = ['save', 'appendfsync', 'maxmemory-policy', 'min-replicas-to-write'];
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

  /** @throws StoreUnavailableError */
  async read(): Promise<readonly ServerState[]> {
    const nodes = await this.connections.nodes();
    return Promise.all(
      nodes.map(async (node) => ({
        address: node.address,
        info: infoOf(await this.#ask(node, 'INFO')),
        config: await this.#config(node),
      })),
    );
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
