import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import type { Enqueued } from '../engine/commit.js';
import { Engine } from '../engine/engine.js';
import { StoreUnavailableError } from '../engine/errors.js';
import type { NewTask } from '../engine/task.js';
import type { OnceRequest } from '../http/idempotency.js';
import { Metrics } from '../metrics/metrics.js';
import { ServiceError } from '../service-error.js';
import { AgentStatuses } from './agent-statuses.js';
import { Agents } from './agents.js';
import { chooseAgent } from './choose-agent.js';
import type { TextReading } from './complexity.js';
import { BOARD, countOf, decisionOf, postingOf, TOTAL } from './decision.js';
import { Publications } from './publications.js';
import type { RoutingDecision, RoutingStatistics } from './routing.dto.js';

/** A task for the queue of the chosen agent. */
export type RoutedTask = Omit<NewTask, 'queue'>;

export interface Routed {
  readonly decision: RoutingDecision;
  readonly enqueued?: Enqueued;
  readonly replayed: boolean;
}

@Injectable()
export class TaskRouter {
  readonly #decisions: Counter<'agent'>;

  constructor(
    private readonly engine: Engine,
    private readonly agents: Agents,
    private readonly statuses: AgentStatuses,
    private readonly publications: Publications,
    metrics: Metrics,
  ) {
    this.#decisions = metrics.counter('waymark_routing_decisions_total', 'Routing decisions by agent', ['agent']);
  }

  /**
   * A decision without task and key does not wait for the store: it is published after the answer.
   * Otherwise decision, task, message and statistics are one commit, once per key: a repeat gets the first decision
   * again.
   * @throws QueueFullError and the other errors of a commit
   */
  async route(
    tenant: string,
    reading: TextReading,
    task: RoutedTask | undefined,
    { once, keyed }: OnceRequest,
  ): Promise<Routed> {
    const choice = chooseAgent(this.agents.all, reading, (id) => this.statuses.availabilityOf(tenant, id));
    this.#decisions.labels(choice.agent.id).inc();
    const decision = decisionOf(choice, reading, task?.id);
    const posting = postingOf(decision);
    if (!keyed && task === undefined) {
      this.publications.add(tenant, posting);
      return { decision, replayed: false };
    }
    const { message, entry, counts } = posting;
    const { replayed, memo, tasks } = await this.engine.commit(tenant, {
      once: { ...once, memo: entry },
      ...(task && { enqueue: [{ ...task, queue: choice.agent.id }] }),
      publish: [message],
      board: { board: BOARD, add: Object.fromEntries(counts.map((name) => [name, 1])), entries: [entry] },
    });
    const [enqueued] = tasks ?? [];
    return { decision: JSON.parse(memo ?? entry) as RoutingDecision, replayed, ...(enqueued && { enqueued }) };
  }

  /** Decisions of all replicas, including all earlier ones of this replica. @throws StoreUnavailableError */
  async statistics(tenant: string): Promise<RoutingStatistics> {
    await this.publications.flushed(tenant).catch((error: unknown) => {
      // A full store can still be read.
      if (!(error instanceof ServiceError && error.code === 'STORE_FULL')) {
        throw new StoreUnavailableError({ cause: error });
      }
    });
    const { counts, entries } = await this.engine.readBoard(tenant, BOARD);
    const agentUsage = Object.fromEntries(this.agents.all.map(({ id }) => [id, counts[countOf(id)] ?? 0]));
    return { totalRoutes: counts[TOTAL] ?? 0, agentUsage, recentDecisions: `[${entries.filter(isJson).join(',')}]` };
  }
}

/** Another program may have damaged an entry of the board. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
