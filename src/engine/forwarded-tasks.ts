import type { Once } from './commit.js';
import type { Claim, TaskStep } from './task.js';
import { TaskQueues, type DeadSelection, type QueueQuery, type ReplayOptions } from './task-queues.js';

/** Runs a call on the queues of the current engine, now or later. */
export type ForwardTasks = <T>(run: (tasks: TaskQueues) => Promise<T>, tenant: string) => Promise<T>;

/** Forwards each call to the task queues of another engine. */
export class ForwardedTasks extends TaskQueues {
  constructor(private readonly forward: ForwardTasks) {
    super();
  }

  claim(tenant: string, claim: Claim, key: string) {
    return this.forward((tasks) => tasks.claim(tenant, claim, key), tenant);
  }

  step(tenant: string, step: TaskStep, once: Once) {
    return this.forward((tasks) => tasks.step(tenant, step, once), tenant);
  }

  find(tenant: string, id: string) {
    return this.forward((tasks) => tasks.find(tenant, id), tenant);
  }

  listOfWorkflow(tenant: string, workflowId: string, limit: number) {
    return this.forward((tasks) => tasks.listOfWorkflow(tenant, workflowId, limit), tenant);
  }

  listDead(tenant: string, queue: string, limit: number) {
    return this.forward((tasks) => tasks.listDead(tenant, queue, limit), tenant);
  }

  replayDead(tenant: string, queue: string, which: DeadSelection, options: ReplayOptions, once: Once) {
    return this.forward((tasks) => tasks.replayDead(tenant, queue, which, options, once), tenant);
  }

  purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once) {
    return this.forward((tasks) => tasks.purgeDead(tenant, queue, which, once), tenant);
  }

  pause(tenant: string, queue: string, isPaused: boolean) {
    return this.forward((tasks) => tasks.pause(tenant, queue, isPaused), tenant);
  }

  listQueues(tenant: string, query: QueueQuery) {
    return this.forward((tasks) => tasks.listQueues(tenant, query), tenant);
  }

  findQueue(tenant: string, name: string) {
    return this.forward((tasks) => tasks.findQueue(tenant, name), tenant);
  }

  readProgress(tenant: string, id: string, after: number, limit: number) {
    return this.forward((tasks) => tasks.readProgress(tenant, id, after, limit), tenant);
  }
}
