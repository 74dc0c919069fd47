import type { Once } from './commit.js';
import type { Claim, TaskStep } from './task.js';
import { TaskQueues, type DeadSelection, type ReplayOptions } from './task-queues.js';

/** Runs a call on the queues of the current engine, now or later. */
export type ForwardTasks = <T>(run: (tasks: TaskQueues) => Promise<T>) => Promise<T>;

/** Forwards each call to the task queues of another engine. */
export class ForwardedTasks extends TaskQueues {
  constructor(private readonly forward: ForwardTasks) {
    super();
  }

  claim(tenant: string, claim: Claim, key: string) {
    return this.forward((tasks) => tasks.claim(tenant, claim, key));
  }

  step(tenant: string, step: TaskStep, once: Once) {
    return this.forward((tasks) => tasks.step(tenant, step, once));
  }

  find(tenant: string, id: string) {
    return this.forward((tasks) => tasks.find(tenant, id));
  }

  listOfWorkflow(tenant: string, workflowId: string, limit: number) {
    return this.forward((tasks) => tasks.listOfWorkflow(tenant, workflowId, limit));
  }

  listDead(tenant: string, queue: string, limit: number) {
    return this.forward((tasks) => tasks.listDead(tenant, queue, limit));
  }

  replayDead(tenant: string, queue: string, which: DeadSelection, options: ReplayOptions, once: Once) {
    return this.forward((tasks) => tasks.replayDead(tenant, queue, which, options, once));
  }

  purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once) {
    return this.forward((tasks) => tasks.purgeDead(tenant, queue, which, once));
  }

  pause(tenant: string, queue: string, isPaused: boolean) {
    return this.forward((tasks) => tasks.pause(tenant, queue, isPaused));
  }

  listQueues(tenant: string) {
    return this.forward((tasks) => tasks.listQueues(tenant));
  }

  findQueue(tenant: string, name: string) {
    return this.forward((tasks) => tasks.findQueue(tenant, name));
  }

  readProgress(tenant: string, id: string, after: number, limit: number) {
    return this.forward((tasks) => tasks.readProgress(tenant, id, after, limit));
  }
}
