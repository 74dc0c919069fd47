import { Injectable } from '@nestjs/common';
import type { Enqueued, Once } from '../engine/commit.js';
import { Engine } from '../engine/engine.js';
import type { NewTask } from '../engine/task.js';
import { AgentStatuses } from './agent-statuses.js';
import { Agents } from './agents.js';
import { chooseAgent } from './choose-agent.js';
import type { TextReading } from './complexity.js';
import { BOARD, decisionOf, postingOf, type Decision } from './decision.js';
import { Publications } from './publications.js';
import { RoutingMetrics } from './routing-metrics.js';

/** A task for the queue of the chosen agent. */
export type RoutedTask = Omit<NewTask, 'queue'>;

export interface Routed {
  readonly decision: Decision;
  readonly enqueued?: Enqueued;
  readonly replayed: boolean;
}

@Injectable()
export class TaskRouter {
  constructor(
    private readonly engine: Engine,
    private readonly agents: Agents,
    private readonly statuses: AgentStatuses,
    private readonly publications: Publications,
    private readonly metrics: RoutingMetrics,
  ) {}

  /** Waits for no store: the decision is published after the answer. */
  route(tenant: string, reading: TextReading): Routed {
    const decision = this.#decide(tenant, reading, undefined);
    this.publications.add(tenant, postingOf(decision));
    return { decision, replayed: false };
  }

  /**
   * Commits decision, task, message and statistics in one step, once per key: a repeat gets the first decision again.
   * @throws QueueFullError and the other errors of a commit
   */
  async commit(tenant: string, reading: TextReading, task: RoutedTask | undefined, once: Once): Promise<Routed> {
    const decision = this.#decide(tenant, reading, task?.id);
    const { message, entry, counts } = postingOf(decision);
    const { replayed, memo, tasks } = await this.engine.commit(tenant, {
      once: { ...once, memo: entry },
      ...(task && { enqueue: [{ ...task, queue: decision.selectedAgent.id }] }),
      publish: [message],
      board: { board: BOARD, add: Object.fromEntries(counts.map((name) => [name, 1])), entries: [entry] },
    });
    const [enqueued] = tasks ?? [];
    return { decision: JSON.parse(memo ?? entry) as Decision, replayed, ...(enqueued && { enqueued }) };
  }

  #decide(tenant: string, reading: TextReading, taskId: string | undefined): Decision {
    const choice = chooseAgent(this.agents.all, reading, (id) => this.statuses.availabilityOf(tenant, id));
    this.metrics.decided(choice.agent.id);
    return decisionOf(choice, reading, taskId);
  }
}
