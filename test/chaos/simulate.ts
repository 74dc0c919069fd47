import { ServiceError } from '../../src/service-error.js';
import { jsonPatchEdit } from '../../src/workflows/edits/json-patch-edit.js';
import { etagOf, type WorkflowRecord } from '../../src/engine/records/workflow-meta.js';
import type { DetachedReplica } from '../support/detached-replica.js';
import { once, patch, put, remove } from '../support/parts.js';
import { Random } from '../contract/fuzz/random.js';
import { TestTenant } from '../support/tenant.js';

const TENANT = 'default';
const IDS = ['a', 'b', 'c', 'd'];

/** A state lists the marks of all writes that went into it; a write adds its own mark to those of the state it is based on. */
interface Marked {
  readonly seen: readonly string[];
}

interface Acknowledged {
  readonly id: string;
  readonly mark: string;
  readonly what: string;
}

export interface SimulationReport {
  readonly seed: number;
  readonly operations: Record<string, number>;
  readonly refused: Record<string, number>;
  readonly drained: Record<string, number>;
  readonly conflicts: number;
  readonly acknowledged: number;
  /** One sentence for each broken promise. */
  readonly violations: readonly string[];
}

/**
 * Two replicas over one Redis write to the same workflows, detach and attach again, in an order that the seed determines. The promise:
 * an acknowledged write is in the current state, or in one that came before it, or in a conflict; and no write replaces a state
 * that it was not based on.
 */
export async function simulate(
  seed: number,
  steps: number,
  open: (which: number, isAway: boolean) => Promise<DetachedReplica>,
): Promise<SimulationReport> {
  const random = new Random(seed);
  const replicas = [await open(0, false), await open(1, false)];
  const isAway = [false, false];
  const operations: Record<string, number> = {};
  const refused: Record<string, number> = {};
  const drained: Record<string, number> = {};
  const acknowledged: Acknowledged[] = [];
  /** Marks in the states that acknowledged deletes removed. */
  const deleted = new Map<string, Set<string>>(IDS.map((id) => [id, new Set()]));
  const deletes: { id: string; seen: readonly string[] }[] = [];
  const violations: string[] = [];
  const count = (of: Record<string, number>, name: string) => (of[name] = (of[name] ?? 0) + 1);

  const write = async (step: number, which: number): Promise<void> => {
    const { engine } = replicas[which] as DetachedReplica;
    const id = random.pick(IDS);
    const mark = `${step}`;
    const held = await engine.find(TENANT, id).catch((error: unknown) => {
      if (error instanceof ServiceError && error.code === 'STORE_UNAVAILABLE') return 'unknown' as const;
      throw error;
    });
    if (held === 'unknown' && !isAway[which]) violations.push(`step ${step}: an attached replica did not answer`);
    const seen = held === 'unknown' || held === undefined ? [] : (JSON.parse(held.state) as Marked).seen;
    const tag = held === 'unknown' || held === undefined ? undefined : { etags: [etagOf(held)] };
    const edit = jsonPatchEdit(JSON.stringify([{ op: 'add', path: '/seen/-', value: mark }]));
    const expect = tag && random.chance(0.5) ? { expect: tag } : {};
    const what = random.pick(['put', 'put', 'append', 'append', 'append', 'delete', 'commit']);
    count(operations, isAway[which] ? `${what} detached` : what);
    try {
      if (what === 'put') {
        await engine.commit(TENANT, {
          once: once(),
          puts: [put(id, { seen: [...seen, mark] }, { ttl: null, ...expect })],
        });
      } else if (what === 'append') {
        await engine.commit(TENANT, { once: once(), patches: [patch(id, edit, expect)] });
      } else if (what === 'commit') {
        const second = IDS[(IDS.indexOf(id) + 1) % IDS.length] as string;
        await engine.commit(TENANT, { once: once(), patches: [patch(id, edit, expect), patch(second, edit)] });
        acknowledged.push({ id: second, mark, what });
      } else {
        await engine.commit(TENANT, { once: once(), deletes: [remove(id, tag)] });
        for (const one of seen) deleted.get(id)?.add(one);
        deletes.push({ id, seen });
        return;
      }
      acknowledged.push({ id, mark, what });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      count(refused, error.code);
      if (error.code === 'OUTCOME_UNKNOWN')
        violations.push(`step ${step}: unknown, though nothing was lost on the way`);
    }
  };

  for (let step = 0; step < steps; step++) {
    const which = random.below(2);
    const replica = replicas[which] as DetachedReplica;
    if (random.chance(0.06)) {
      isAway[which] = !isAway[which];
      count(operations, isAway[which] ? 'leave' : 'come back');
      await (isAway[which] ? replica.leave() : replica.comeBack());
    } else if (random.chance(0.02)) {
      count(operations, 'restart');
      for (const as of replica.drained) count(drained, as);
      await replica.close();
      replicas[which] = await open(which, isAway[which] as boolean);
    } else {
      await write(step, which);
    }
  }
  for (const [which, replica] of replicas.entries()) if (isAway[which]) await replica.comeBack();

  const [one] = replicas as [DetachedReplica];
  const tenant = new TestTenant(one.engine, TENANT);
  let conflicts = 0;
  for (const id of IDS) {
    const current = await tenant.find(id);
    const kept = await conflictsOf(one, id);
    conflicts += kept.length;
    const inConflicts = new Set(kept.flatMap(({ seen }) => seen));
    const versions = current === undefined ? [] : (await tenant.versions(id)).toReversed();
    violations.push(...overwritten(id, versions as readonly WorkflowRecord[]));
    const now = new Set(current === undefined ? [] : (JSON.parse(current.state) as Marked).seen);
    for (const { mark, what } of acknowledged.filter((write) => write.id === id)) {
      if (!now.has(mark) && !inConflicts.has(mark) && deleted.get(id)?.has(mark) !== true) {
        violations.push(`${id}: the acknowledged ${what} of step ${mark} is nowhere`);
      }
    }
    // A delete without effect must be a conflict.
    for (const { seen } of deletes.filter((one) => one.id === id)) {
      const last = seen.at(-1);
      const isUndone = last !== undefined && now.has(last);
      if (isUndone && !kept.some(({ is }) => is === 'delete')) violations.push(`${id}: a delete is nowhere`);
    }
  }
  for (const replica of replicas) {
    for (const as of replica.drained) count(drained, as);
    await replica.close();
  }
  return { seed, operations, refused, drained, conflicts, acknowledged: acknowledged.length, violations };
}

/** A version must contain all marks of the one before it. */
function overwritten(id: string, versions: readonly WorkflowRecord[]): string[] {
  return versions.slice(1).flatMap(({ version, state }, i) => {
    const has = new Set((JSON.parse(state) as Marked).seen);
    const before = versions[i] as WorkflowRecord;
    const missing = (JSON.parse(before.state) as Marked).seen.filter((mark) => !has.has(mark));
    const gap = version === before.version + 1 ? [] : [`${id}: version ${version} follows ${before.version}`];
    return [...gap, ...missing.map((mark) => `${id}: version ${version} overwrote what step ${mark} had written`)];
  });
}

async function conflictsOf(replica: DetachedReplica, id: string): Promise<{ is: string; seen: readonly string[] }[]> {
  const found: { is: string; seen: readonly string[] }[] = [];
  let before: number | null = Infinity;
  while (before !== null) {
    const page: Awaited<ReturnType<typeof replica.engine.listConflicts>> = await replica.engine.listConflicts(
      TENANT,
      id,
      {
        limit: 100,
        ...(before !== Infinity && { before }),
      },
    );
    for (const { n, is } of page.conflicts) {
      const detail = await replica.engine.findConflict(TENANT, id, n);
      found.push({ is, seen: detail?.state === undefined ? [] : (JSON.parse(detail.state) as Marked).seen });
    }
    before = page.nextBefore;
  }
  return found;
}
