import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Cluster } from '../support/deployment.js';
import { until } from '../support/until.js';

const WRITES = 60;

describe('A replica that is killed while it is on its own', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start('memory', 2);
  });
  afterAll(async () => {
    await cluster.stop();
  });

  it('brings what it has acknowledged into Redis when it is started again', async () => {
    const path = '/v1/workflows/w';
    expect((await cluster.call(0, 'PUT', path, { state: { logs: [] } }))?.status).toBe(201);
    await cluster.redis.kill();
    await until(async () => (await cluster.call(0, 'GET', path))?.storage === 'detached', 'the replica is detached');
    let acknowledged = 0;
    const writing = (async () => {
      for (let n = 0; n < WRITES; n++) {
        const done = await cluster.call(0, 'POST', `${path}/logs`, { n });
        if (done?.status !== 200) return;
        acknowledged++;
        const put = await cluster.call(0, 'PUT', `/v1/workflows/own-${n}`, { state: { n } });
        if (put?.status !== 201) return;
      }
    })();
    // In the middle of a write, as far as chance will have it.
    await until(() => acknowledged > WRITES / 2, 'half of it is written');
    cluster.replicas[0]?.child.kill('SIGKILL');
    await Promise.all([writing, cluster.replicas[0] && once(cluster.replicas[0].child, 'exit')]);
    expect(acknowledged).toBeLessThan(WRITES);

    await cluster.redis.restart();
    const url = '/v1/workflows/w';
    await until(async () => (await cluster.call(1, 'GET', url))?.storage === 'redis', 'the other one has Redis');
    expect((await cluster.call(1, 'GET', url))?.json.version).toBe(1);
    cluster.replicas[0] = await cluster.launch(0);
    await cluster.allAttached(90_000);
    const after = await cluster.call(1, 'GET', url);
    const logs = ((after?.json.state.logs ?? []) as { n: number }[]).map(({ n }) => n);
    // The one that was under way may have been written down without being acknowledged any more.
    expect([acknowledged, acknowledged + 1]).toContain(logs.length);
    expect(logs).toEqual(Array.from({ length: logs.length }, (_, n) => n));
    expect(after?.json.version).toBe(logs.length + 1);
    for (let n = 0; n < acknowledged - 1; n++) {
      expect((await cluster.call(1, 'GET', `/v1/workflows/own-${n}`))?.json.state).toEqual({ n });
    }
  });
});
