import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DetachedReplica } from '../support/detached-replica.js';
import { ForkingRedis } from '../support/forking-redis.js';
import { scaled } from '../support/scale.js';
import { failOverAndOver } from './fork-load.js';

const { seeds, rounds } = scaled({ short: { seeds: 1, rounds: 5 }, long: { seeds: 10, rounds: 20 } });

/** A failing seed is repeated with CHAOS_SEED=<seed>. */
describe(`${seeds * rounds} failovers that lose acknowledged writes and are written on`, () => {
  let redis: ForkingRedis;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    redis = await ForkingRedis.start();
  });
  afterAll(async () => {
    await redis.stop();
  });

  it('make no tag with two states, overwrite nothing unseen, and lose only what was not replicated (invariant 33)', async () => {
    const given = process.env['CHAOS_SEED'];
    const first = given === undefined ? Date.now() % 1_000_000 : Number(given);
    for (let seed = first; seed < first + (given === undefined ? seeds : 1); seed++) {
      const namespace = `ns-${randomUUID()}`;
      const open = () => DetachedReplica.open({ redisPort: redis.port, namespace });
      const replicas = [await open(), await open()] as const;
      const report = await failOverAndOver(seed, rounds, redis, replicas);
      for (const replica of replicas) await replica.close();
      if (seeds > 1 || report.violations.length > 0) console.log(JSON.stringify(report));
      expect(report.violations).toEqual([]);
      expect(report.acknowledged).toBeGreaterThan(rounds);
    }
  }, 1_800_000);
});
