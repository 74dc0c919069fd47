import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { masterOf, openClusterReplica, tenantsOn, type ClusterReplica } from '../support/cluster-replica.js';
import type { Engine } from '../../src/engine/engine.js';
import { appendExhibitEdit } from '../../src/workflows/edits/append-edit.js';
import { startCluster, type ClusterNodes } from '../support/redis-kinds/cluster.js';
import { scaled } from '../support/scale.js';
import { queueNames, TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const HAMMERING = 6;
const COMMAND_MS = 2000;
const PAUSE_MS = 5;
const { outageMs } = scaled({ short: { outageMs: 5000 }, long: { outageMs: 60_000 } });
const ONE_MASTER_MAY_BE_AWAY = ['--cluster-require-full-coverage', 'no', '--cluster-allow-replica-migration', 'no'];
/** A killed process loses nothing that it has written to its file. */
const KEPT_OVER_A_KILL = ['--appendonly', 'yes', '--appendfsync', 'no'];

const codeOfCall = (call: Promise<unknown>) => call.then(() => 'ok', codeOf);
const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error);

/** Answers by their code, and the numbers whose append was acknowledged. */
class Clients {
  readonly answers: Record<string, number> = {};
  readonly acknowledged = new Map<string, number[]>();
  readonly provisional: string[] = [];
  isOver = false;
  isPaused = false;
  underWay = 0;

  async ask<T>(what: string, asked: Promise<T>): Promise<T | undefined> {
    this.underWay++;
    try {
      const answer = await asked;
      this.#count(`${what} ok`);
      return answer;
    } catch (error) {
      this.#count(`${what} ${codeOf(error)}`);
      return undefined;
    } finally {
      this.underWay--;
    }
  }

  /** Appends numbers to the workflow, and reads it, until the run is over. */
  async write(tenant: TestTenant, id: string): Promise<void> {
    const done: number[] = [];
    this.acknowledged.set(`${tenant.name} ${id}`, done);
    await this.ask('create', tenant.put(id, { exhibits: [] }));
    for (let n = 1; !this.isOver; n++) {
      const written = await this.ask('write', tenant.patch(id, appendExhibitEdit(JSON.stringify({ n }))));
      if (written !== undefined) {
        done.push(n);
        if (written.incarnation.startsWith('detached')) this.provisional.push(id);
      }
      await this.ask('find', tenant.find(id));
      do await sleep(PAUSE_MS);
      while (this.isPaused);
    }
  }

  /** Uses everything that spans the tenant, until the run is over. */
  async useAll(tenant: TestTenant): Promise<void> {
    const queue = new TestQueue(tenant.engine, tenant.name);
    while (!this.isOver) {
      await this.ask('enqueue', queue.enqueue());
      const [task] = (await this.ask('claim', queue.claim()))?.tasks ?? [];
      if (task !== undefined) await this.ask('complete', queue.complete(task));
      await this.ask('list', tenant.list());
      await this.ask('queues', queueNames(tenant.engine, tenant.name));
      await this.ask('feed', tenant.engine.readFeed(tenant.name, undefined, 10));
      await sleep(PAUSE_MS);
    }
  }

  /** Every acknowledged number is in its workflow once. */
  async expectAll(engine: Engine): Promise<void> {
    for (const [name, done] of this.acknowledged) {
      const [tenant = '', id = ''] = name.split(' ');
      const { exhibits } = (await new TestTenant(engine, tenant).state(id)) as { exhibits: { n: number }[] };
      const found = new Map<number, number>();
      for (const { n } of exhibits) found.set(n, (found.get(n) ?? 0) + 1);
      expect(done.filter((n) => found.get(n) !== 1)).toEqual([]);
    }
  }

  #count(answer: string): void {
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
  }

  get refused(): string[] {
    return Object.keys(this.answers).filter((answer) => !answer.endsWith(' ok'));
  }
}

type Case = readonly [fallback: 'memory' | 'none', of: 'the default tenant' | 'other tenants'];
/** The master of the default tenant also has what all tenants share. */
const CASES = scaled<readonly Case[]>({
  short: [
    ['memory', 'the default tenant'],
    ['none', 'other tenants'],
  ],
  long: (['memory', 'none'] as const).flatMap((fallback) =>
    (['the default tenant', 'other tenants'] as const).map((of) => [fallback, of] as const),
  ),
});

describe('one of three masters is killed', () => {
  let cluster: ClusterNodes;
  let replica: ClusterReplica;
  let elsewhere: Clients;
  let there: Clients;
  let running: Promise<unknown>;
  beforeEach(() => {
    [elsewhere, there] = [new Clients(), new Clients()];
  });
  afterEach(async () => {
    elsewhere.isOver = there.isOver = true;
    await running;
    await replica.close();
    await cluster.stop();
  });

  /** Six clients hammer the tenants of one master, and others use those of the other masters. */
  async function begin(namespace: string, killed: number): Promise<void> {
    const tenants = [0, 1, 2].map((master) => tenantsOn(master, namespace, master === killed ? 3 : 1));
    const tenant = (name: string) => new TestTenant(replica.engine, name);
    const hammered = [...(tenants[killed] as string[])];
    if (masterOf(namespace, 'default') === killed) hammered[0] = 'default';
    const others = tenants.filter((_, master) => master !== killed).flat();
    running = Promise.all([
      ...Array.from({ length: HAMMERING }, (_, i) => there.write(tenant(hammered[i % 3] as string), `w-${i}`)),
      ...others.map((name) => elsewhere.write(tenant(name), 'w')),
      ...others.map((name) => elsewhere.useAll(tenant(name))),
    ]);
    await until(() => (there.answers['write ok'] ?? 0) > 20 && (elsewhere.answers['feed ok'] ?? 0) > 20, 'all write');
  }

  it.each(CASES)(
    'REDIS_FALLBACK=%s, it has %s: no call of a tenant elsewhere fails (invariant 37)',
    async (fallback, of) => {
      const namespace = `{${fallback}}`;
      cluster = await startCluster({ args: [...ONE_MASTER_MAY_BE_AWAY, ...KEPT_OVER_A_KILL] });
      replica = await openClusterReplica(cluster, namespace, fallback, COMMAND_MS);
      const home = masterOf(namespace, 'default');
      const killed = of === 'the default tenant' ? home : (home + 1) % 3;
      await begin(namespace, killed);
      const master = cluster.masters[killed];
      await master?.kill();
      await sleep(outageMs);
      const away = `127.0.0.1:${master?.port}`;
      const report = await replica.engine.inspect();
      // A tenant that is new has its first write announced later.
      const [fresh] = tenantsOn((killed + 1) % 3, namespace, 2).slice(1) as [string];
      await new TestTenant(replica.engine, fresh).put('w', {});
      there.isOver = true;
      await master?.restart();
      if (replica.fallback === undefined) {
        const [name] = tenantsOn(killed, namespace, 1) as [string];
        await until(async () => (await codeOfCall(replica.engine.find(name, 'w'))) === 'ok', 'the master serves again');
      } else {
        await until(() => replica.fallback?.mode === 'attached', 'the replica is attached again');
      }
      elsewhere.isOver = true;
      await running;
      process.stdout.write(`${JSON.stringify({ fallback, of, elsewhere: elsewhere.answers, there: there.answers })}\n`);
      expect([elsewhere.refused, elsewhere.provisional]).toEqual([[], []]);
      expect(report.warnings.join('\n')).toContain(`${away} is unreachable`);
      expect(report).toMatchObject({ reachable: true, details: { mastersAway: away } });
      if (fallback === 'memory') expect(report.details['mode']).toBe('detached');
      // Every acknowledged write to tenants of the killed master is there, and no other tenant was served detached.
      await there.expectAll(replica.engine);
      expect(replica.drained).not.toContain('conflict');
      expect(replica.drained.length > 0).toBe(fallback === 'memory');
    },
  );
});

async function isReplicated({ admin, masters, replicas }: ClusterNodes, master: number): Promise<boolean> {
  const offsetOf = async (port = 0) => /^master_repl_offset:(\d+)/m.exec(await admin(port).info('replication'))?.[1];
  const [own, copied] = await Promise.all([offsetOf(masters[master]?.port), offsetOf(replicas[master]?.port)]);
  return own !== undefined && own === copied;
}

describe('a master that is killed, and has a replica', () => {
  const namespace = '{failover}';
  const killed = (masterOf(namespace, 'default') + 1) % 3;
  let cluster: ClusterNodes;
  let replica: ClusterReplica;
  beforeAll(async () => {
    cluster = await startCluster({ withReplicas: true, args: [...ONE_MASTER_MAY_BE_AWAY, ...KEPT_OVER_A_KILL] });
    replica = await openClusterReplica(cluster, namespace, 'memory', COMMAND_MS);
  });
  afterAll(async () => {
    await replica.close();
    await cluster.stop();
  });

  it('is followed by its replica: only its tenants were detached, and their writes are drained there', async () => {
    const [elsewhere, there] = [new Clients(), new Clients()];
    const tenant = (master: number) => new TestTenant(replica.engine, tenantsOn(master, namespace, 1)[0] as string);
    const running = Promise.all([
      ...Array.from({ length: HAMMERING }, (_, i) => there.write(tenant(killed), `w-${i}`)),
      elsewhere.write(tenant((killed + 1) % 3), 'w'),
      elsewhere.useAll(tenant((killed + 1) % 3)),
    ]);
    try {
      await until(() => (there.answers['write ok'] ?? 0) > 20, 'all write');
      // The replica takes over with all that was acknowledged.
      there.isPaused = true;
      await until(() => there.underWay === 0, 'nothing is under way');
      await until(() => isReplicated(cluster, killed), 'the replica of the master has all writes');
      await cluster.masters[killed]?.kill();
      there.isPaused = false;
      await until(() => replica.drained.length > 0, 'its replica has taken over');
      there.isOver = true;
      await until(() => replica.fallback?.mode === 'attached', 'the replica of the service is attached');
    } finally {
      elsewhere.isOver = there.isOver = true;
      await running;
    }
    expect([elsewhere.refused, elsewhere.provisional]).toEqual([[], []]);
    await there.expectAll(replica.engine);
  });
});

describe('a master that comes back empty', () => {
  const namespace = '{emptied}';
  const emptied = (masterOf(namespace, 'default') + 1) % 3;
  let cluster: ClusterNodes;
  let replica: ClusterReplica;
  beforeAll(async () => {
    cluster = await startCluster({ args: ONE_MASTER_MAY_BE_AWAY });
    replica = await openClusterReplica(cluster, namespace, 'memory', COMMAND_MS);
  });
  afterAll(async () => {
    await replica.close();
    await cluster.stop();
  });

  it('has its workflows restored by the writes that were accepted meanwhile, and is reported', async () => {
    const [there, elsewhere] = [emptied, (emptied + 1) % 3].map(
      (master) => new TestTenant(replica.engine, tenantsOn(master, namespace, 1)[0] as string),
    ) as [TestTenant, TestTenant];
    await Promise.all([there.put('w', { n: 1 }), elsewhere.put('w', { n: 1 })]);
    await replica.engine.inspect();
    // On a busy machine the first puts may have been accepted detached.
    await until(() => replica.fallback?.mode === 'attached', 'the replica is attached');
    const before = replica.drained.length;
    const master = cluster.masters[emptied];
    await master?.kill();
    const write = () => there.put('w', { n: 2 }, { expect: { version: 1 } });
    await until(async () => (await codeOfCall(write())) !== 'OUTCOME_UNKNOWN', 'the write is accepted');
    expect(await there.get('w')).toMatchObject({ version: 2, state: '{"n":2}' });
    await master?.restart();
    await until(() => replica.drained.length > before, 'the write is drained');
    await until(() => replica.fallback?.mode === 'attached', 'the replica is attached again');
    expect(replica.drained.slice(before)).toEqual(['recovered']);
    expect(await there.get('w')).toMatchObject({ version: 2, state: '{"n":2}' });
    expect(await elsewhere.get('w')).toMatchObject({ version: 1 });
    const { warnings } = await replica.engine.inspect();
    expect(warnings.join('\n')).toContain(`The master 127.0.0.1:${master?.port} of Redis has lost its data`);
  });

  it('says nothing about another master, where a workflow was deleted', async () => {
    const home = masterOf(namespace, 'default');
    const there = (home + 2) % 3;
    const [name] = tenantsOn(there, namespace, 1) as [string];
    const tenant = new TestTenant(replica.engine, name);
    const other = await openClusterReplica(cluster, namespace, 'none', COMMAND_MS);
    const before = replica.drained.length;
    try {
      await tenant.put('gone', { n: 1 });
      await new TestTenant(other.engine, name).delete('gone');
      cluster.masters[there]?.pause();
      await cluster.masters[home]?.kill();
      const write = () => tenant.put('gone', { n: 2 }, { expect: { version: 1 } });
      await until(async () => (await codeOfCall(write())) !== 'OUTCOME_UNKNOWN', 'the write is accepted');
    } finally {
      cluster.masters[there]?.resume();
      await cluster.masters[home]?.restart();
      await other.close();
    }
    await until(() => replica.fallback?.mode === 'attached' && replica.drained.length > before, 'all is drained');
    expect(replica.drained.slice(before)).toEqual(['conflict']);
    expect(await tenant.find('gone')).toBeUndefined();
  });
});
