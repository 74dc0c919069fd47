import { ServiceError } from '../../src/service-error.js';
import { etagOf, type WorkflowMeta, type WorkflowRecord } from '../../src/engine/records/workflow-meta.js';
import { jsonPatchEdit } from '../../src/workflows/edits/json-patch-edit.js';
import { Random } from '../contract/fuzz/random.js';
import type { DetachedReplica } from '../support/detached-replica.js';
import type { ForkingRedis } from '../support/forking-redis.js';
import { once, patch, put } from '../support/parts.js';
import { until } from '../support/until.js';

const TENANT = 'default';
const IDS = ['a', 'b', 'c'];

export interface ForkReport {
  readonly seed: number;
  readonly acknowledged: number;
  /** Acknowledged writes that went with the lost tail of a master. */
  readonly lost: number;
  readonly conflicts: number;
  readonly drained: Record<string, number>;
  /** Tags that were looked at. */
  readonly tags: number;
  /** One sentence for each broken promise. */
  readonly violations: readonly string[];
}

/** A state lists the marks of all writes that went into it. */
interface Marked {
  readonly seen: readonly string[];
}

/**
 * Failovers that lose acknowledged writes, and are written on. Before each, two replicas write what will be lost; some
 * of them are away during the failover and write detached. The promises: one tag has one state; a version contains what
 * the version before it contained, so nothing is overwritten unseen; an acknowledged write is in the current state or in
 * a conflict, or it was made while its master was already cut off from its replica.
 */
export async function failOverAndOver(
  seed: number,
  rounds: number,
  redis: ForkingRedis,
  replicas: readonly [DetachedReplica, DetachedReplica],
): Promise<ForkReport> {
  const random = new Random(seed);
  const states = new Map<string, string>();
  const violations: string[] = [];
  /** Marks by id: those that must be kept, and those that may be lost. */
  const kept = new Map(IDS.map((id) => [id, new Set<string>()]));
  const doomed = new Map(IDS.map((id) => [id, new Set<string>()]));
  let marks = 0;

  const look = (record: WorkflowMeta & { readonly state?: string }) => {
    if (record.state === undefined) return;
    const name = `${record.id} ${etagOf(record)}`;
    const known = states.get(name);
    if (known !== undefined && known !== record.state) violations.push(`${name} names ${known} and ${record.state}`);
    states.set(name, record.state);
  };

  const write = async ({ engine }: DetachedReplica, into: ReadonlyMap<string, Set<string>>): Promise<void> => {
    const id = random.pick(IDS);
    const mark = String(++marks);
    const held = await engine.find(TENANT, id).catch(unlessAway);
    if (held !== undefined) look(held);
    const expect = held && random.chance(0.5) ? { expect: { etags: [etagOf(held)] } } : {};
    try {
      if (held !== undefined && random.chance(0.4)) {
        const edit = jsonPatchEdit(JSON.stringify([{ op: 'add', path: '/seen/-', value: mark }]));
        const { workflows } = await engine.commit(TENANT, { once: once(), patches: [patch(id, edit, expect)] });
        workflows.forEach(look);
      } else {
        const seen = held === undefined ? [] : seenIn(held.state);
        const made = put(id, { seen: [...seen, mark] }, { ttl: null, ...expect });
        const { workflows } = await engine.commit(TENANT, { once: once(), puts: [made] });
        look({ ...(workflows[0] as WorkflowMeta), state: made.state });
      }
      into.get(id)?.add(mark);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code === 'OUTCOME_UNKNOWN') throw error;
    }
  };
  const writeSome = async (some: readonly DetachedReplica[], most: number, into: ReadonlyMap<string, Set<string>>) => {
    for (let left = random.below(most + 1); left > 0 && some.length > 0; left--) await write(random.pick(some), into);
  };

  for (let round = 0; round < rounds; round++) {
    await writeSome(replicas, 4, kept);
    await redis.sever();
    await writeSome(replicas, 5, doomed);
    const away = replicas.filter(() => random.chance(0.5));
    for (const replica of away) await replica.leave();
    for (const replica of away) await writeSome([replica], 3, kept);
    const there = replicas.filter((replica) => !away.includes(replica));
    redis.failOver(...there.map(({ proxy }) => proxy));
    for (const replica of there) await untilAttached(replica);
    await writeSome(there, 4, kept);
    for (const replica of away) {
      replica.proxy.point(redis.port);
      await replica.comeBack();
    }
    await redis.join();

    for (const id of IDS) {
      for (const { engine } of replicas) {
        const current = await engine.find(TENANT, id);
        if (current === undefined) continue;
        look(current);
        const page = await engine.listVersions(TENANT, id, { limit: 1000, includeState: true });
        page?.versions.forEach(look);
        violations.push(...overwritten(id, (page?.versions ?? []).toReversed() as readonly WorkflowRecord[]));
      }
    }
    if (violations.length > 0) break;
  }

  let [lost, conflicts] = [0, 0];
  for (const id of IDS) {
    const [{ engine }] = replicas;
    const current = await engine.find(TENANT, id);
    const inConflicts = await seenInConflicts(replicas[0], id);
    conflicts += inConflicts.length;
    const found = new Set([...(current === undefined ? [] : seenIn(current.state)), ...inConflicts.flat()]);
    for (const mark of kept.get(id) ?? []) {
      if (!found.has(mark)) violations.push(`${id}: the acknowledged write ${mark} is nowhere`);
    }
    lost += [...(doomed.get(id) ?? [])].filter((mark) => !found.has(mark)).length;
  }
  const drained: Record<string, number> = {};
  for (const replica of replicas) for (const as of replica.drained) drained[as] = (drained[as] ?? 0) + 1;
  const acknowledged = [...kept.values(), ...doomed.values()].reduce((sum, { size }) => sum + size, 0);
  return { seed, acknowledged, lost, conflicts, drained, tags: states.size, violations };
}

function seenIn(state: string): readonly string[] {
  return (JSON.parse(state) as Marked).seen;
}

/** A detached replica does not know every workflow. */
function unlessAway(error: unknown): undefined {
  if (!(error instanceof ServiceError) || error.code !== 'STORE_UNAVAILABLE') throw error;
}

async function untilAttached({ engine }: DetachedReplica): Promise<void> {
  // A call notices that the connection is lost.
  const answers = () =>
    engine.count(TENANT, {}).then(
      () => engine.mode === 'attached',
      () => false,
    );
  await until(answers, 'the replica is attached to the new master');
}

/** A version must contain all marks of the one before it, each once. */
function overwritten(id: string, versions: readonly WorkflowRecord[]): string[] {
  return versions.flatMap(({ version, state }, i) => {
    const marks = seenIn(state);
    const before = versions[i - 1];
    const missing = before === undefined ? [] : seenIn(before.state).filter((mark) => !marks.includes(mark));
    const twice = new Set(marks).size === marks.length ? [] : [`${id}: version ${version} has a mark twice`];
    return [...twice, ...missing.map((mark) => `${id}: version ${version} overwrote ${mark}`)];
  });
}

/** Marks of each conflict. */
async function seenInConflicts({ engine }: DetachedReplica, id: string): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = [];
  let before: number | null | undefined;
  while (before !== null) {
    const page = await engine.listConflicts(TENANT, id, { limit: 100, ...(before !== undefined && { before }) });
    for (const { n } of page.conflicts) {
      const state = (await engine.findConflict(TENANT, id, n))?.state;
      found.push(state === undefined ? [] : seenIn(state));
    }
    before = page.nextBefore;
  }
  return found;
}
