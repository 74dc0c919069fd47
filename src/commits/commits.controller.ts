import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { QueueLimits } from '../access/limits/queue-limits.js';
import { requireScopes } from '../access/require-scopes.js';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import { etagOf } from '../engine/records/workflow-meta.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { noteOf, type Caller } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { answer, FromBody, FromCaller, Route } from '../http/route.js';
import { WaitingAnswers } from '../http/waiting-answers.js';
import { onceForLease } from '../tasks/lease-once.js';
import { Tasks } from '../tasks/tasks.js';
import { onUndelivered } from '../tasks/undelivered.js';
import { CommitBody, Committed } from './commit.dto.js';
import { partsOf } from './commit-parts.js';
import { scopesOf } from './commit-scopes.js';

const EXAMPLE = {
  puts: [{ id: 'case-8', state: { status: 'writing' } }],
  enqueue: [{ queue: 'writer', payload: { case: 8 }, workflowId: 'case-8' }],
  publish: [{ channel: 'task:routing', type: 'routing_decision', payload: { agent: 'claude' } }],
};

/** Atomic commits: acknowledge a task, write states, enqueue the next tasks. */
@ApiTags('commits')
@Controller('v1/commits')
export class CommitsController {
  constructor(
    private readonly engine: Engine,
    private readonly tasks: Tasks,
    private readonly index: WorkflowIndex,
    private readonly config: Config,
    private readonly idempotency: Idempotency,
    private readonly queueLimits: QueueLimits,
  ) {}

  @Post()
  @Route({
    id: 'commit',
    summary: 'One step, all or nothing',
    description:
      'Needs the scopes of its parts: tasks:work, workflows:write, tasks:enqueue, events:publish. ' +
      'Checked in this order: shape, scopes, a repeat of the same Idempotency-Key or lease token, sizes, the lease, expectations, ' +
      'capacity of the queues. A refusal writes nothing and names the part that failed.',
    once: true,
    headers: ['X-Waymark-Note'],
    answers: { 200: { says: 'Done', body: Committed, headers: ['Idempotency-Replayed'] } },
    problems: [
      'COMMIT_TOO_LARGE',
      'LEASE_LOST',
      'PATCH_INVALID',
      'PATCH_TEST_FAILED',
      'QUEUE_FULL',
      'TASK_CANCELLED',
      'TASK_ENDED',
      'TASK_NOT_FOUND',
      'TOO_MANY_TASKS',
      'VERSION_CONFLICT',
      'WORKFLOW_NOT_FOUND',
    ],
  })
  async commit(
    @FromBody(CommitBody, { example: EXAMPLE }) body: CommitBody,
    @FromCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    requireScopes(caller, scopesOf(body));
    if (body.claimNext !== undefined) WaitingAnswers.of(request).demandRoomForTasks();
    const { index, config } = this;
    const { tenant } = caller;
    const { limits, keepMs } = this.tasks;
    const queueLimit = body.claimNext && this.queueLimits.of(tenant, body.claimNext.queue);
    const pace = queueLimit?.pace;
    const parts = await partsOf(body, {
      caller,
      note: noteOf(request),
      index,
      limits,
      pace,
      ttlMs: config.workflowTtlMs,
    });
    const { ack } = parts;
    const outcome = await this.idempotency.run(request, tenant, (given) => {
      const once = ack === undefined ? given.once : onceForLease(given, 'ack', ack.taskId, ack.token, keepMs);
      return this.engine.commit(tenant, { once, ...parts });
    });
    const { workflows, tasks = [], eventIds = [], next = null, replayed } = outcome;
    if (next !== null && !replayed) queueLimit?.counted(1);
    if (next !== null) onUndelivered(request, reply, () => this.tasks.giveBack(tenant, [next]));
    return answer(
      200,
      {
        workflows: workflows.map((workflow) => ({
          id: workflow.id,
          version: workflow.version,
          etag: etagOf(workflow),
        })),
        taskIds: tasks.map(({ task }) => task.id),
        eventIds,
        next,
      },
      { replayed },
    );
  }
}
