import { Redis } from 'ioredis';
import { inStep } from './in-step.js';
import { startRedisProcess, type RedisProcess } from './redis-process.js';
import type { TcpProxy } from './tcp-proxy.js';
import { until } from './until.js';

interface Server {
  readonly process: RedisProcess;
  readonly admin: Redis;
}

/** A master and its replica, whose failovers lose acknowledged writes. */
export class ForkingRedis {
  private constructor(
    private master: Server,
    private replica: Server,
  ) {}

  /** Two servers; other ones than usual are started by these functions. */
  static async start(startMaster = startRedisProcess, startReplica = startRedisProcess): Promise<ForkingRedis> {
    const [master, replica] = await Promise.all([serverOf(startMaster), serverOf(startReplica)]);
    const forking = new ForkingRedis(master, replica);
    await forking.join();
    return forking;
  }

  get port(): number {
    return this.master.process.port;
  }

  /** A client of the master. */
  get admin(): Redis {
    return this.master.admin;
  }

  /** The replica hears nothing of the master any more: writes from here on are lost with the next failover. */
  async sever(): Promise<void> {
    const offset = await offsetOf(this.master, 'master_repl_offset');
    await until(async () => (await offsetOf(this.replica, 'slave_repl_offset')) >= offset, 'the replica is in step');
    await this.replica.admin.call('REPLICAOF', 'NO', 'ONE');
  }

  /** The replica becomes the master, and these proxies lead to it. */
  failOver(...proxies: readonly TcpProxy[]): void {
    [this.master, this.replica] = [this.replica, this.master];
    for (const proxy of proxies) proxy.point(this.port);
  }

  /** The other server becomes the replica of the master; what only it had is lost for good. */
  async join(): Promise<void> {
    await this.replica.admin.call('REPLICAOF', '127.0.0.1', String(this.port));
    await inStep(this.replica.admin);
    // The master takes it for a replica a moment later.
    const isKnown = async () => (await this.master.admin.info('replication')).includes('state=online');
    await until(isKnown, 'the master knows its replica');
  }

  async stop(): Promise<void> {
    for (const { process, admin } of [this.master, this.replica]) {
      admin.disconnect();
      await process.stop();
    }
  }
}

async function serverOf(start: typeof startRedisProcess): Promise<Server> {
  // Replication starts at once, without waiting for further replicas.
  const process = await start('--repl-diskless-sync-delay', '0');
  return { process, admin: new Redis({ host: '127.0.0.1', port: process.port }) };
}

async function offsetOf({ admin }: Server, name: string): Promise<number> {
  const found = new RegExp(`${name}:(\\d+)`).exec(await admin.info('replication'));
  return Number(found?.[1] ?? -1);
}
