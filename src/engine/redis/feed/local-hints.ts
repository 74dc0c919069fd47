import type { Commit, Once, Outcome } from '../../commit.js';
import type { Topic } from '../../engine.js';
import type { Claim, TaskDetail, TaskRecord, TaskStep } from '../../task.js';
import {
  TaskQueues,
  type Chosen,
  type Claimed,
  type DeadSelection,
  type Progress,
  type QueueRecord,
  type Stepped,
} from '../../task-queues.js';
import type { ChangeHints } from './change-hints.js';

/** What a commit of this replica has changed; undefined when that cannot be told, so that all must be told. */
export function changedBy(commit: Commit, { tasks = [], next }: Outcome): readonly Topic[] | undefined {
  const { puts = [], patches = [], deletes = [], touches = [], ack, cancelTasksOf = [], board } = commit;
  if (cancelTasksOf.length > 0) return undefined;
  return [
    ...[...puts, ...patches, ...deletes, ...touches].map(({ id }) => `workflow ${id}` as const),
    ...(ack === undefined ? [] : [`task ${ack.taskId}` as const]),
    ...tasks.flatMap(({ task }) => topicsOf(task)),
    ...(next === undefined ? [] : [`task ${next.id}` as const]),
    ...(board === undefined ? [] : [`board ${board.board}` as const]),
  ];
}

function topicsOf({ id, queue, status, workflowId }: TaskRecord): Topic[] {
  return [
    `task ${id}`,
    ...(status === 'ready' || status === 'delayed' ? [`queue ${queue}` as const] : []),
    ...(workflowId === null ? [] : [`workflow ${workflowId}` as const]),
  ];
}

/** Tasks where nothing can be subscribed to: what this replica changes, its own listeners hear of at once. */
export class TellingTasks extends TaskQueues {
  constructor(
    private readonly tasks: TaskQueues,
    private readonly hints: ChangeHints,
  ) {
    super();
  }

  async claim(tenant: string, claim: Claim, key: string): Promise<Claimed> {
    const claimed = await this.tasks.claim(tenant, claim, key);
    this.hints.tell(
      tenant,
      claimed.tasks.map(({ id }) => `task ${id}` as const),
    );
    return claimed;
  }

  async step(tenant: string, step: TaskStep, once: Once): Promise<Stepped> {
    const stepped = await this.tasks.step(tenant, step, once);
    this.hints.tell(tenant, topicsOf(stepped.task));
    return stepped;
  }

  async replayDead(
    tenant: string,
    queue: string,
    which: DeadSelection,
    options: { readonly resetAttempts: boolean; readonly spreadMs: number },
    once: Once,
  ): Promise<Chosen> {
    const chosen = await this.tasks.replayDead(tenant, queue, which, options, once);
    this.hints.tell(tenant, [`queue ${queue}`, ...chosen.ids.map((id) => `task ${id}` as const)]);
    return chosen;
  }

  async purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once): Promise<Chosen> {
    const chosen = await this.tasks.purgeDead(tenant, queue, which, once);
    this.hints.tell(
      tenant,
      chosen.ids.map((id) => `task ${id}` as const),
    );
    return chosen;
  }

  async pause(tenant: string, queue: string, isPaused: boolean): Promise<void> {
    await this.tasks.pause(tenant, queue, isPaused);
    this.hints.tell(tenant, [`queue ${queue}`]);
  }

  find(tenant: string, id: string): Promise<TaskDetail | undefined> {
    return this.tasks.find(tenant, id);
  }

  listOfWorkflow(tenant: string, workflowId: string, limit: number): Promise<readonly TaskRecord[]> {
    return this.tasks.listOfWorkflow(tenant, workflowId, limit);
  }

  listDead(tenant: string, queue: string, limit: number): Promise<readonly TaskDetail[]> {
    return this.tasks.listDead(tenant, queue, limit);
  }

  listQueues(tenant: string): Promise<readonly string[]> {
    return this.tasks.listQueues(tenant);
  }

  findQueue(tenant: string, name: string): Promise<QueueRecord> {
    return this.tasks.findQueue(tenant, name);
  }

  readProgress(tenant: string, id: string, after: number, limit: number): Promise<Progress | undefined> {
    return this.tasks.readProgress(tenant, id, after, limit);
  }
}
