import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Deployment } from '../support/deployment.js';
import { until } from '../support/until.js';

const WRITES = 60;

describe('A replica that is killed while it is detached', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await Deployment.start('memory', 2);
  });
  afterAll(async () => {
    await deployment.stop();
  });

  it('brings its acknowledged writes into Redis when it is started again', async () => {
    const path = '/v1/workflows/w';
    expect((await deployment.call(0, 'PUT', path, { state: { logs: [] } }))?.status).toBe(201);
    await deployment.redis.kill();
    await until(async () => (await deployment.call(0, 'GET', path))?.storage === 'detached', 'the replica is detached');
    let acknowledged = 0;
    const writing = (async () => {
      for (let n = 0; n < WRITES; n++) {
        const done = await deployment.call(0, 'POST', `${path}/logs`, { n });
        if (done?.status !== 200) return;
        acknowledged++;
        const put = await deployment.call(0, 'PUT', `/v1/workflows/own-${n}`, { state: { n } });
        if (put?.status !== 201) return;
      }
    })();
    // Most likely in the middle of a write.
    await until(() => acknowledged > WRITES / 2, 'half of it is written');
    deployment.replicas[0]?.child.kill('SIGKILL');
    await Promise.all([writing, deployment.replicas[0] && once(deployment.replicas[0].child, 'exit')]);
    expect(acknowledged).toBeLessThan(WRITES);

    await deployment.redis.restart();
    const url = '/v1/workflows/w';
    await until(async () => (await deployment.call(1, 'GET', url))?.storage === 'redis', 'the other one has Redis');
    expect((await deployment.call(1, 'GET', url))?.json.version).toBe(1);
    deployment.replicas[0] = await deployment.launch(0);
    await deployment.allAttached(90_000);
    const after = await deployment.call(1, 'GET', url);
    const logs = ((after?.json.state.logs ?? []) as { n: number }[]).map(({ n }) => n);
    // The write that was running may be in the journal without having been acknowledged.
    expect([acknowledged, acknowledged + 1]).toContain(logs.length);
    expect(logs).toEqual(Array.from({ length: logs.length }, (_, n) => n));
    expect(after?.json.version).toBe(logs.length + 1);
    for (let n = 0; n < acknowledged - 1; n++) {
      expect((await deployment.call(1, 'GET', `/v1/workflows/own-${n}`))?.json.state).toEqual({ n });
    }
  });
});
