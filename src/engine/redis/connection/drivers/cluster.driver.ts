import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis, type ClusterOptions } from 'ioredis';
import type { Address, RedisConfig } from '../../../../config/config.js';
import { StoreAwayError } from '../../../errors.js';
import { connectionOptions, pauseBefore, tlsOptions } from './ioredis-options.js';
import type {
  BlockingConnection,
  DriverEvents,
  RedisCommands,
  RedisDriver,
  RedisSubscriber,
  ServerNode,
} from './redis-driver.js';
import { blockingOf, subscriberOf } from './standalone.driver.js';
import { keySlot } from './key-slot.js';
import { tolerateStalls } from './tolerate-stalls.js';

const PAUSE_MS = 50;

/** Replies that mean "not run yet": this node or another one will soon run the script. */
const MOVING = /non local key|^CLUSTERDOWN|^TRYAGAIN|^MASTERDOWN/;

/** All masters of a Cluster. The keys of a tenant share a slot, so one master has all keys of a script. */
export class ClusterDriver implements RedisDriver {
  readonly address: string;
  readonly canSubscribe = true;
  readonly #clusters: Cluster[];
  readonly #blocking = new Map<string, { readonly client: Redis; readonly connection: BlockingConnection }>();
  #subscriber: RedisSubscriber | undefined;
  #turn = 0;

  constructor(
    private readonly config: RedisConfig,
    nodes: readonly Address[],
    private readonly events: DriverEvents,
  ) {
    this.address = `the Cluster of ${nodes.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
    this.#clusters = Array.from({ length: config.maxConnections - 1 }, () => this.#cluster(nodes));
  }

  get isReady(): boolean {
    return this.#clusters.some(({ status }) => status === 'ready');
  }

  async open(): Promise<void> {
    await Promise.allSettled(this.#clusters.map((cluster) => cluster.connect()));
  }

  async close(): Promise<void> {
    for (const cluster of this.#clusters) {
      if (cluster.status === 'ready') await cluster.quit().catch(() => undefined);
      cluster.disconnect();
    }
    for (const { client } of this.#blocking.values()) client.disconnect();
  }

  commands(): RedisCommands {
    const { length } = this.#clusters;
    for (let i = 0; i < length; i++) {
      const cluster = this.#clusters[(this.#turn = (this.#turn + 1) % length)] as Cluster;
      if (cluster.status === 'ready') return cluster;
    }
    throw new StoreAwayError();
  }

  async nodes(): Promise<readonly ServerNode[]> {
    const nodes = this.#ready().nodes('master');
    return nodes.map((node) => ({
      address: `${node.options.host}:${node.options.port}`,
      ask: (command, ...args) => node.call(command, ...args),
    }));
  }

  /** Any node: a Cluster forwards published messages to all nodes. */
  subscriber(): RedisSubscriber {
    return (this.#subscriber ??= subscriberOfCluster(this.#clusters[0] as Cluster));
  }

  /** To the current master of the key's slot. */
  async blocking(key: string): Promise<BlockingConnection> {
    const cluster = this.#ready();
    const master = cluster.slots[keySlot(key)]?.[0];
    const node = cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === master);
    if (master === undefined || node === undefined) throw new StoreAwayError();
    const known = this.#blocking.get(master);
    if (known !== undefined) return known.connection;
    const { host, port } = node.options;
    const { socketTimeout, ...options } = nodeOptions(this.config);
    const client = new Redis({
      ...options,
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
      enableOfflineQueue: true,
      retryStrategy: null,
      socketTimeout: socketTimeout + (this.config.confirmTimeoutMs ?? 0),
    });
    tolerateStalls(client, (as) => this.events.timeout(as));
    client.on('error', () => undefined);
    client.on('end', () => {
      if (this.#blocking.get(master)?.client === client) this.#blocking.delete(master);
    });
    client.connect().catch(() => undefined);
    const connection = blockingOf(client, () => {
      this.#blocking.delete(master);
      client.disconnect();
    });
    this.#blocking.set(master, { client, connection });
    return connection;
  }

  #ready(): Cluster {
    const cluster = this.#clusters.find(({ status }) => status === 'ready');
    if (cluster === undefined) throw new StoreAwayError();
    return cluster;
  }

  #cluster(nodes: readonly Address[]): Cluster {
    const cluster = new Cluster(
      nodes.map(({ host, port }) => ({ host, port })),
      {
        redisOptions: nodeOptions(this.config),
        lazyConnect: true,
        // Commands for a node wait while a connection to it is made, and fail with it.
        enableOfflineQueue: true,
        scaleReads: 'master',
        // With a delay, the client would resend commands that a lost node may have carried out.
        retryDelayOnFailover: 0,
        retryDelayOnClusterDown: 0,
        retryDelayOnTryAgain: PAUSE_MS,
        slotsRefreshTimeout: this.config.connectTimeoutMs,
        slotsRefreshInterval: 5000,
        clusterRetryStrategy: pauseBefore,
        maxRedirections: 16,
      } satisfies ClusterOptions,
    );
    for (const event of ['ready', 'close', 'end']) cluster.on(event, () => this.events.changed());
    cluster.on('error', (error: Error) => this.events.failed(error));
    cluster.on('node error', (error: Error) => this.events.failed(error));
    cluster.on('+node', (node: Redis) => {
      tolerateStalls(node, (as) => this.events.timeout(as));
      node.on('close', () => this.events.lost());
    });
    return retrying(cluster, this.config.commandTimeoutMs);
  }
}

/** A Cluster has one database. Without REDIS_TLS_SERVERNAME, the certificate of each node must match its address. */
function nodeOptions(config: RedisConfig) {
  const {
    db: _one,
    tls: _named,
    retryStrategy: _theyComeAndGo,
    enableOfflineQueue: _own,
    ...options
  } = connectionOptions(config);
  return { ...options, ...(config.tls && { tls: tlsOptions(config.tls) }) };
}

/** Nodes refuse scripts while a slot moves or a replica takes over. Retries until the timeout of a command. */
function retrying(cluster: Cluster, timeoutMs: number): Cluster {
  const again = async (send: () => Promise<unknown>): Promise<unknown> => {
    const until = performance.now() + timeoutMs;
    for (;;) {
      try {
        return await send();
      } catch (error) {
        if (!(error instanceof Error && MOVING.test(error.message)) || performance.now() > until) throw error;
        await sleep(PAUSE_MS);
      }
    }
  };
  const [evalsha, evaluate] = [cluster.evalsha.bind(cluster), cluster.eval.bind(cluster)];
  return Object.assign(cluster, {
    evalsha: (...call: Parameters<RedisCommands['evalsha']>) => again(() => evalsha(...call)),
    eval: (...call: Parameters<RedisCommands['eval']>) => again(() => evaluate(...call)),
  });
}

/**
 * When a node leaves, the client may move its subscription to another node without an event. So every change of nodes
 * counts as a loss of the subscription.
 */
function subscriberOfCluster(cluster: Cluster): RedisSubscriber {
  const subscriber = subscriberOf(cluster);
  return Object.assign(subscriber, {
    onReady: (listener: () => void) => {
      for (const event of ['ready', '-node', '+node']) cluster.on(event, listener);
    },
  });
}
