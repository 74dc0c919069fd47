import { Redis, type ClusterOptions } from 'ioredis';
import type { Address, RedisConfig } from '../../../../config/config.js';
import { StoreAwayError } from '../../../errors.js';
import { ClusterClient, nameOf } from './cluster-client.js';
import { connectionOptions, pauseBefore, tlsOptions } from './ioredis-options.js';
import {
  ONLY_SERVER,
  type BlockingConnection,
  type DriverEvents,
  type RedisCommands,
  type RedisDriver,
  type RedisSubscriber,
  type ServerNode,
} from './redis-driver.js';
import { blockingOf, subscriberOf } from './standalone.driver.js';
import { tolerateStalls } from './tolerate-stalls.js';

const TRY_AGAIN_MS = 50;

/** All masters of a Cluster. The keys of a tenant share a slot, so one master has all keys of a script. */
export class ClusterDriver implements RedisDriver {
  readonly address: string;
  readonly canSubscribe = true;
  readonly #clients: ClusterClient[];
  readonly #blocking = new Map<string, { readonly client: Redis; readonly connection: BlockingConnection }>();
  #subscriber: RedisSubscriber | undefined;
  #turn = 0;

  constructor(
    private readonly config: RedisConfig,
    nodes: readonly Address[],
    private readonly events: DriverEvents,
  ) {
    this.address = `the Cluster of ${nodes.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
    this.#clients = Array.from(
      { length: config.maxConnections - 1 },
      () => new ClusterClient(nodes, optionsOf(config), config.commandTimeoutMs, events),
    );
  }

  get isReady(): boolean {
    return this.#clients.some(({ isReady }) => isReady);
  }

  get servers(): readonly string[] {
    const { masters } = this.#best();
    return masters.length === 0 ? [ONLY_SERVER] : masters;
  }

  serverOf(key: string): string {
    return this.#best().masterOf(key) ?? ONLY_SERVER;
  }

  isReadyFor(server: string): boolean {
    return this.#clients.some((client) => client.isReadyFor(server));
  }

  async open(): Promise<void> {
    await Promise.allSettled(this.#clients.map(({ cluster }) => cluster.connect()));
  }

  async close(): Promise<void> {
    for (const { cluster } of this.#clients) {
      if (cluster.status === 'ready') await cluster.quit().catch(() => undefined);
      cluster.disconnect();
    }
    for (const { client } of this.#blocking.values()) client.disconnect();
  }

  commands(key: string): RedisCommands {
    const { length } = this.#clients;
    for (let i = 0; i < length; i++) {
      const client = this.#clients[(this.#turn = (this.#turn + 1) % length)] as ClusterClient;
      const master = client.masterOf(key);
      // Without a master, the Cluster says that nobody serves the slot.
      if (master === undefined ? client.isReady : client.isReadyFor(master)) return client.cluster;
    }
    throw new StoreAwayError();
  }

  /** A read of the key: a master that does not serve its slots refuses it, but answers PING. */
  async ping(key: string): Promise<unknown> {
    const ready = this.#clients.filter(({ isReady }) => isReady);
    await Promise.all(ready.map((client) => client.refresh()));
    return (this.commands(key) as ClusterClient['cluster']).exists(key);
  }

  async nodes(): Promise<readonly ServerNode[]> {
    const client = this.#ready();
    return client.masters.map((name) => ({
      address: name,
      ask: async (command, ...args) => {
        const node = client.node(name);
        if (node === undefined) throw new StoreAwayError();
        return node.call(command, ...args);
      },
    }));
  }

  /** Any node: a Cluster forwards published messages to all nodes. */
  subscriber(): RedisSubscriber {
    return (this.#subscriber ??= subscriberOfCluster((this.#clients[0] as ClusterClient).cluster));
  }

  /** To the current master of the key's slot. */
  async blocking(key: string): Promise<BlockingConnection> {
    const ready = this.#ready();
    const master = ready.masterOf(key);
    const node = master === undefined ? undefined : ready.node(master);
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

  /** The client whose table of slots is used. */
  #best(): ClusterClient {
    return this.#clients.find(({ isReady }) => isReady) ?? (this.#clients[0] as ClusterClient);
  }

  #ready(): ClusterClient {
    const client = this.#best();
    if (!client.isReady) throw new StoreAwayError();
    return client;
  }
}

function optionsOf(config: RedisConfig) {
  return {
    redisOptions: nodeOptions(config),
    lazyConnect: true,
    // Commands for a node wait while a connection to it is made, and fail with it.
    enableOfflineQueue: true,
    // The check asks any master, so one that is away would keep the client from the others.
    enableReadyCheck: false,
    scaleReads: 'master',
    // With a delay, the client would resend commands that a lost node may have carried out.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: TRY_AGAIN_MS,
    slotsRefreshTimeout: config.connectTimeoutMs,
    slotsRefreshInterval: 5000,
    clusterRetryStrategy: pauseBefore,
    maxRedirections: 16,
  } satisfies ClusterOptions;
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

/**
 * When a node leaves, the client may move its subscription to another node without an event. So the loss of a node
 * counts as a loss of the subscription: once, since a node that stays away is tried again and again.
 */
function subscriberOfCluster(cluster: ClusterClient['cluster']): RedisSubscriber {
  const lost = new Set<string>();
  return Object.assign(subscriberOf(cluster), {
    onReady: (listener: () => void) => {
      cluster.on('ready', listener);
      cluster.on('-node', (node: Redis) => {
        if (lost.has(nameOf(node))) return;
        lost.add(nameOf(node));
        listener();
      });
      cluster.on('+node', (node: Redis) => {
        if (!lost.has(nameOf(node))) return listener();
        node.once('ready', () => {
          if (lost.delete(nameOf(node))) listener();
        });
      });
    },
  });
}
