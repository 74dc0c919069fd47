import type { Engine } from '../../src/engine/engine.js';
import { dumpAll, queueNames } from './tasks.js';

/**
 * Everything readable of a tenant: what `dumpAll` shows, the workers of each queue, the tasks of each workflow and the end of the
 * feed. A refused request must leave all of it unchanged.
 */
export async function dumpTasks(
  engine: Engine,
  tenant: string,
  ids: readonly string[],
  workflowIds: readonly string[] = [],
): Promise<unknown> {
  const { tasks } = engine;
  const queues = await queueNames(engine, tenant);
  return {
    all: await dumpAll(engine, tenant, ids),
    workers: await Promise.all(queues.map(async (name) => (await tasks.findQueue(tenant, name)).workers)),
    ofWorkflows: await Promise.all(workflowIds.map((id) => tasks.listOfWorkflow(tenant, id, 1000))),
    lastEventId: await engine.lastEventId(tenant),
  };
}

/** Repeats the sweep until it finds nothing: one call has a bound, and other cases leave expired data too. */
export async function sweepAll(engine: Engine): Promise<void> {
  while ((await engine.sweep()) > 0);
}
