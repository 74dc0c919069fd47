import type { Commit, Once, Outcome } from '../../commit.js';
import type { Topic } from '../../engine.js';
import { ForwardedTasks } from '../../forwarded-tasks.js';
import type { Claim, TaskRecord, TaskStep } from '../../task.js';
import type { DeadSelection, TaskQueues } from '../../task-queues.js';
import type { RedisListeners } from './listeners.js';

/** Topics that a commit of this replica changed. Undefined if they are not known; then all listeners are called. */
export function changedBy(commit: Commit, { tasks = [], next }: Outcome): readonly Topic[] | undefined {
  const { puts = [], patches = [], deletes = [], touches = [], ack, cancelTasksOf = [], board } = commit;
  if (cancelTasksOf.length > 0) return undefined;
  return [
    ...[...puts, ...patches, ...deletes, ...touches].map(({ id }) => `workflow ${id}` as const),
    ...(ack === undefined ? [] : [topicOf(ack.taskId)]),
    ...tasks.flatMap(({ task }) => topicsOf(task)),
    ...(next === undefined ? [] : [topicOf(next.id)]),
    ...(board === undefined ? [] : [`board ${board.board}` as const]),
  ];
}

function topicOf(taskId: string): Topic {
  return `task ${taskId}`;
}

function topicsOf({ id, queue, status, workflowId }: TaskRecord): Topic[] {
  return [
    topicOf(id),
    ...(status === 'ready' || status === 'delayed' ? [`queue ${queue}` as const] : []),
    ...(workflowId === null ? [] : [`workflow ${workflowId}` as const]),
  ];
}

/** Task queues of a Redis without subscriptions. Reports the changes of this replica to its listeners at once. */
export class NotifyingTasks extends ForwardedTasks {
  constructor(
    tasks: TaskQueues,
    private readonly listeners: RedisListeners,
  ) {
    super((run) => run(tasks));
  }

  override async claim(tenant: string, claim: Claim, key: string) {
    const claimed = await super.claim(tenant, claim, key);
    const ids = claimed.tasks.map(({ id }) => id);
    this.listeners.notify(tenant, ids.map(topicOf));
    return claimed;
  }

  override async step(tenant: string, step: TaskStep, once: Once) {
    const stepped = await super.step(tenant, step, once);
    this.listeners.notify(tenant, topicsOf(stepped.task));
    return stepped;
  }

  override async replayDead(...call: Parameters<TaskQueues['replayDead']>) {
    const chosen = await super.replayDead(...call);
    const [tenant, queue] = call;
    this.listeners.notify(tenant, [`queue ${queue}`, ...chosen.ids.map(topicOf)]);
    return chosen;
  }

  override async purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once) {
    const chosen = await super.purgeDead(tenant, queue, which, once);
    this.listeners.notify(tenant, chosen.ids.map(topicOf));
    return chosen;
  }

  override async pause(tenant: string, queue: string, isPaused: boolean) {
    await super.pause(tenant, queue, isPaused);
    this.listeners.notify(tenant, [`queue ${queue}`]);
  }
}
