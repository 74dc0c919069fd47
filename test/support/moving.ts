import type { Engine } from '../../src/engine/engine.js';
import type { Arrived, ArrivalOptions } from '../../src/engine/moving/arrival.js';
import { digestOf } from '../../src/engine/moving/digest.js';
import { isDamaged } from '../../src/engine/moving/damaged.js';
import type { Damaged, RecordKind, Moved, MovedTask, MovedWorkflow } from '../../src/engine/moving/moved.js';
import { inReads, type Moving, type Stamped } from '../../src/engine/moving/moving.js';
import { queueNames } from './tasks.js';
import { dump } from './tenant.js';

export const FAIL: ArrivalOptions = { onConflict: 'fail' };

export async function workflowStamps(moving: Moving, tenant: string, limit = 1000): Promise<Stamped[]> {
  const stamps: Stamped[] = [];
  let after: string | undefined;
  do {
    const page = await moving.listWorkflows(tenant, after, limit);
    stamps.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return stamps;
}

export async function taskStamps(moving: Moving, tenant: string): Promise<Stamped[]> {
  const stamps = new Map<string, Stamped>();
  for await (const page of moving.listTasks(tenant)) for (const stamped of page) stamps.set(stamped.id, stamped);
  return [...stamps.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Everything of a tenant. Queues come first: a paused one must not deliver a task that has just arrived. */
export async function everythingOf({ moving }: Engine, tenant: string): Promise<Moved[]> {
  const read = async (kind: RecordKind, stamps: readonly Stamped[]) => {
    const records: Moved[] = [];
    for (const ids of inReads(stamps)) {
      for (const record of await moving.read(tenant, kind, ids)) if (record !== undefined) records.push(whole(record));
    }
    return records;
  };
  return [
    ...(await moving.listQueues(tenant)).map(whole),
    ...(await moving.listBoards(tenant)).map(whole),
    ...(await read('workflow', await workflowStamps(moving, tenant))),
    ...(await read('task', await taskStamps(moving, tenant))),
  ];
}

function whole<T extends Moved>(found: T | Damaged): T {
  if (!isDamaged(found)) return found;
  throw new Error(`${found.of} ${found.id} is damaged: ${found.message}`);
}

/** Copies one tenant into another one, also across engines; gives the outcome of each record. */
export async function moveAll(
  from: Engine,
  tenant: string,
  to: Engine,
  target: string,
  options = FAIL,
): Promise<Arrived[]> {
  const arrived: Arrived[] = [];
  for (const record of await everythingOf(from, tenant)) arrived.push(await to.moving.put(target, record, options));
  return arrived;
}

export async function digestsOf(engine: Engine, tenant: string): Promise<Record<string, string>> {
  const all = await everythingOf(engine, tenant);
  const digests: Record<string, string> = {};
  for (const record of all) digests[`${record.kind} ${record.id}`] = await digestOf(record);
  return digests;
}

/** Everything readable of a tenant that a move must not change. */
export async function dumpMovable(engine: Engine, tenant: string, taskIds: readonly string[]): Promise<unknown> {
  const queues = await queueNames(engine, tenant);
  return {
    workflows: await dump(engine, tenant),
    boards: await Promise.all(['routing', 'short'].map((name) => engine.readBoard(tenant, name))),
    queues: await Promise.all(
      queues.map(async (name) => {
        const {
          totals: _totals,
          perMinute: _rates,
          workers: _workers,
          ...queue
        } = await engine.tasks.findQueue(tenant, name);
        return { ...queue, deadTasks: await engine.tasks.listDead(tenant, name, 1000) };
      }),
    ),
    tasks: await Promise.all(taskIds.map((id) => engine.tasks.find(tenant, id))),
    progress: await Promise.all(taskIds.map((id) => engine.tasks.readProgress(tenant, id, 0, 1000))),
  };
}

export async function readWorkflow(engine: Engine, tenant: string, id: string): Promise<MovedWorkflow> {
  const [record] = await engine.moving.read(tenant, 'workflow', [id]);
  if (record?.kind !== 'workflow') throw new Error(`Workflow ${id} is not there`);
  return record;
}

export async function readTask(engine: Engine, tenant: string, id: string): Promise<MovedTask> {
  const [record] = await engine.moving.read(tenant, 'task', [id]);
  if (record?.kind !== 'task') throw new Error(`Task ${id} is not there`);
  return record;
}
