import type { Engine } from '../../src/engine/engine.js';
import { dumpAll } from './tasks.js';

/**
 * All that can be seen of a tenant through any door: what `dumpAll` shows, who has asked for tasks, the tasks of each workflow and
 * the end of the feed. What was refused must leave all of it as it was.
 */
export async function dumpTasks(
  engine: Engine,
  tenant: string,
  ids: readonly string[],
  workflowIds: readonly string[] = [],
): Promise<unknown> {
  const { tasks } = engine;
  const queues = await tasks.listQueues(tenant);
  return {
    all: await dumpAll(engine, tenant, ids),
    workers: await Promise.all(queues.map(async (name) => (await tasks.findQueue(tenant, name)).workers)),
    ofWorkflows: await Promise.all(workflowIds.map((id) => tasks.listOfWorkflow(tenant, id, 1000))),
    lastEventId: await engine.lastEventId(tenant),
  };
}

/** One sweep has a bound, and other cases leave things behind as well. */
export async function sweepAll(engine: Engine): Promise<void> {
  while ((await engine.sweep()) > 0);
}
