import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, ReplyError, type Redis } from 'ioredis';
import type { Address } from '../../../../config/config.js';
import { StoreAwayError } from '../../../errors.js';
import { keySlot } from './key-slot.js';
import type { RedisCommands } from './redis-driver.js';
import { tolerateStalls } from './tolerate-stalls.js';

const PAUSE_MS = 50;

/** Replies that mean "not run yet": this node or another one will soon run the script. */
const MOVING = /non local key|^CLUSTERDOWN|^TRYAGAIN|^MASTERDOWN/;

export interface ClusterClientEvents {
  /** The readiness of some node may have changed. */
  changed(): void;
  /** A connection to this node was lost, or was refused. */
  lost(name: string): void;
  failed(error: Error): void;
  /** See DriverEvents. */
  timeout(as: 'late' | 'lost'): void;
}

/**
 * One connection to each node of a Cluster. ioredis sends a command for a node without a connection to any other node,
 * and connects to the lost one for each redirection. So this client asks `isReadyFor` before it sends anything.
 */
export class ClusterClient {
  readonly cluster: Cluster & RedisCommands;
  /** Nodes by name, which is host:port as in the table of slots. */
  readonly #nodes = new Map<string, Redis>();
  /** Nodes that a command may have been sent to. */
  readonly #connected = new WeakSet<Redis>();

  constructor(
    nodes: readonly Address[],
    options: ConstructorParameters<typeof Cluster>[1],
    private readonly timeoutMs: number,
    private readonly events: ClusterClientEvents,
  ) {
    const cluster = new Cluster(
      nodes.map(({ host, port }) => ({ host, port })),
      options,
    );
    for (const event of ['ready', 'close', 'end']) cluster.on(event, () => events.changed());
    cluster.on('error', (error: Error) => events.failed(error));
    cluster.on('node error', (error: Error) => events.failed(error));
    cluster.on('+node', (node: Redis) => this.#watch(node));
    cluster.on('-node', (node: Redis) => {
      if (this.#nodes.get(nameOf(node)) === node) this.#nodes.delete(nameOf(node));
    });
    const [evalsha, evaluate] = [cluster.evalsha.bind(cluster), cluster.eval.bind(cluster)];
    this.cluster = Object.assign(cluster, {
      evalsha: (...call: Parameters<RedisCommands['evalsha']>) => this.#send(call[2], () => evalsha(...call)),
      eval: (...call: Parameters<RedisCommands['eval']>) => this.#send(call[2], () => evaluate(...call)),
    });
  }

  get isReady(): boolean {
    return this.cluster.status === 'ready';
  }

  /** Names of the masters that have slots; empty before the first connection. */
  get masters(): readonly string[] {
    return [...new Set(this.cluster.slots.flatMap((names) => names?.[0] ?? []))];
  }

  /** Master of a key; undefined if that is not known. */
  masterOf(key: string): string | undefined {
    return this.cluster.slots[keySlot(key)]?.[0];
  }

  node(name: string): Redis | undefined {
    return this.#nodes.get(name);
  }

  /** There is a connection to the node, or one has not been tried yet. */
  isReadyFor(name: string): boolean {
    const status = this.#nodes.get(name)?.status;
    return this.isReady && status !== undefined && status !== 'close' && status !== 'end';
  }

  /** Asks for the table of slots anew. Nodes that were lost are tried again with the next command. */
  refresh(): Promise<void> {
    return new Promise((resolve) => this.cluster.refreshSlotsCache(() => resolve()));
  }

  #watch(node: Redis): void {
    const name = nameOf(node);
    tolerateStalls(node, (as) => this.events.timeout(as));
    this.#nodes.set(name, node);
    node.on('ready', () => {
      this.#connected.add(node);
      this.events.changed();
    });
    node.on('close', () => this.events.lost(name));
  }

  /** Nodes refuse scripts while a slot moves or a replica takes over. Retries until the timeout of a command. */
  async #send(key: string | number | undefined, send: () => Promise<unknown>): Promise<unknown> {
    const until = performance.now() + this.timeoutMs;
    for (;;) {
      const node = this.#nodes.get(this.masterOf(String(key)) ?? '');
      try {
        return await send();
      } catch (error) {
        // The command has waited for a connection that did not come about.
        const isUnsent = node !== undefined && !this.#connected.has(node) && !(error instanceof ReplyError);
        if (isUnsent) throw new StoreAwayError();
        if (!(error instanceof Error && MOVING.test(error.message)) || performance.now() > until) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }
}

export function nameOf({ options: { host, port } }: Redis): string {
  return `${host}:${port}`;
}
