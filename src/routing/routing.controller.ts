import { Controller, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { requireScopes } from '../access/require-scopes.js';
import type { Caller } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { answer, FromCaller, Route } from '../http/route.js';
import { Tasks } from '../tasks/tasks.js';
import { readRoutingRequest } from './routing-request.js';
import { RoutedTask, RoutingDecision, RoutingRequest, RoutingTaskRequest } from './routing.dto.js';
import { TaskRouter } from './task-router.js';

@ApiTags('routing')
@Controller('v1/routing')
export class RoutingController {
  constructor(
    private readonly router: TaskRouter,
    private readonly tasks: Tasks,
    private readonly idempotency: Idempotency,
  ) {}

  /** A plain decision does not wait for the store; one with a task or an Idempotency-Key waits for its commit. */
  @Post()
  @Route({
    id: 'routeTask',
    summary: 'Choose an agent for a text, and with `enqueue` put the task on its queue',
    description:
      'With `enqueue` the task, the decision, its publication and the statistics are one commit, done before the answer. ' +
      'A repeat with the same Idempotency-Key gets the same decision and task.',
    once: true,
    body: {
      types: {
        'application/json': {
          schema: [RoutingRequest, RoutingTaskRequest],
          example: { text: 'Translate this into French', enqueue: true, priority: 3 },
        },
      },
    },
    answers: {
      200: { says: 'The decision', body: RoutingDecision, headers: ['Idempotency-Replayed'] },
      201: { says: 'The decision and its task', body: RoutedTask, headers: ['Idempotency-Replayed', 'Location'] },
    },
    problems: ['QUEUE_FULL', 'TOO_MANY_TASKS'],
  })
  async route(@FromCaller() caller: Caller, @Req() request: FastifyRequest) {
    const { tenant } = caller;
    const { reading, task } = await readRoutingRequest(request, this.tasks.limits);
    if (task !== undefined) requireScopes(caller, ['tasks:enqueue']);
    const { decision, enqueued, replayed } = await this.idempotency.run(request, tenant, (once) =>
      this.router.route(tenant, reading, task, once),
    );
    if (enqueued === undefined) return answer(200, decision, { replayed });
    const location = `/v1/tasks/${enqueued.task.id}`;
    return answer(201, { ...decision, task: enqueued.task }, { replayed, headers: { location } });
  }
}
