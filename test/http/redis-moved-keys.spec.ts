import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster } from '../support/redis-kinds/cluster.js';
import { startService, type ServiceProcess } from '../support/service-process.js';

describe('a key that has moved to another server of a Cluster', () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>;
  let service: ServiceProcess;

  beforeAll(async () => {
    cluster = await startCluster();
    service = await startService(cluster.env);
  });

  afterAll(async () => {
    await service.stop();
    await cluster.stop();
  });

  /** Runs a command on the master that has the key. */
  async function end(id: string, laterMs: number): Promise<void> {
    for (const { port } of cluster.masters) {
      const key = `${cluster.env['REDIS_NAMESPACE']}:document_workflow:${id}`;
      const at = await cluster
        .admin(port)
        .call('PEXPIRETIME', key)
        .catch(() => undefined);
      if (at !== undefined) await cluster.admin(port).call('PEXPIREAT', key, String(Number(at) + laterMs));
    }
  }

  // A moved key keeps the remaining time, so its deadline is a little later than the recorded one.
  it.each([
    ['is the same version, although it ends a little later than it was told', 400, 1],
    ['is another program’s when it ends at another time', 60_000, 2],
  ])('%s', async (_what, laterMs, version) => {
    const id = `moved-${version}`;
    const headers = { 'content-type': 'application/json' };
    await fetch(`${service.url}/v1/workflows/${id}`, { method: 'PUT', headers, body: '{"state":1}' });
    await end(id, laterMs);
    const read = (await (await fetch(`${service.url}/v1/workflows/${id}`)).json()) as { version: number };
    expect(read.version).toBe(version);
  });
});
