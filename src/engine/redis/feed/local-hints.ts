import type { Commit, Once, Outcome } from '../../commit.js';
import type { Topic } from '../../engine.js';
import { ForwardedTasks } from '../../forwarded-tasks.js';
import type { Claim, TaskRecord, TaskStep } from '../../task.js';
import type { Chosen, Claimed, DeadSelection, ReplayOptions, Stepped, TaskQueues } from '../../task-queues.js';
import type { ChangeHints } from './change-hints.js';

/** Topics that a commit of this replica changed; undefined if unknown, then all listeners are told. */
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

/** Task queues of a Redis without subscriptions. Listeners of this replica hear its own changes at once. */
export class HintingTasks extends ForwardedTasks {
  constructor(
    tasks: TaskQueues,
    private readonly hints: ChangeHints,
  ) {
    super((run) => run(tasks));
  }

  override async claim(tenant: string, claim: Claim, key: string): Promise<Claimed> {
    const claimed = await super.claim(tenant, claim, key);
    this.hints.tell(
      tenant,
      claimed.tasks.map(({ id }) => `task ${id}` as const),
    );
    return claimed;
  }

  override async step(tenant: string, step: TaskStep, once: Once): Promise<Stepped> {
    const stepped = await super.step(tenant, step, once);
    this.hints.tell(tenant, topicsOf(stepped.task));
    return stepped;
  }

  override async replayDead(
    tenant: string,
    queue: string,
    which: DeadSelection,
    options: ReplayOptions,
    once: Once,
  ): Promise<Chosen> {
    const chosen = await super.replayDead(tenant, queue, which, options, once);
    this.hints.tell(tenant, [`queue ${queue}`, ...chosen.ids.map((id) => `task ${id}` as const)]);
    return chosen;
  }

  override async purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once): Promise<Chosen> {
    const chosen = await super.purgeDead(tenant, queue, which, once);
    this.hints.tell(
      tenant,
      chosen.ids.map((id) => `task ${id}` as const),
    );
    return chosen;
  }

  override async pause(tenant: string, queue: string, isPaused: boolean): Promise<void> {
    await super.pause(tenant, queue, isPaused);
    this.hints.tell(tenant, [`queue ${queue}`]);
  }
}
