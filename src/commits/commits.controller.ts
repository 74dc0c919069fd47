import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import { etagOf } from '../engine/records/workflow-meta.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { callerOf, noteOf } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { ObjectReader } from '../http/object-reader.js';
import { refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { onceForLease } from '../tasks/lease-once.js';
import { claimedText } from '../tasks/task-answer.js';
import { Tasks } from '../tasks/tasks.js';
import { onUndelivered } from '../tasks/undelivered.js';
import { readCommit } from './commit-body.js';
import * as describe from './commits.openapi.js';

/** One step, all or nothing: acknowledge a task, move states, enqueue what comes next. */
@describe.commits()
@Controller('v1/commits')
export class CommitsController {
  constructor(
    private readonly engine: Engine,
    private readonly tasks: Tasks,
    private readonly index: WorkflowIndex,
    private readonly config: Config,
    private readonly idempotency: Idempotency,
  ) {}

  @describe.commit()
  @Post()
  async commit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { tenant, by } = callerOf(request);
    const context = {
      by,
      note: noteOf(request),
      index: this.index,
      limits: this.tasks.limits,
      ttlMs: this.config.workflowTtlMs,
    };
    const parts = ObjectReader.read(request, (body) => readCommit(body, context));
    const { ack } = parts;
    const outcome = await this.idempotency.run(request, tenant, (given) => {
      const once = ack ? onceForLease(given, 'ack', ack.taskId, ack.token, this.tasks.keepMs) : given.once;
      return this.engine.commit(tenant, { ...parts, once });
    });
    if (outcome.replayed) reply.header('idempotency-replayed', 'true');
    const { workflows, tasks = [], eventIds = [], next } = outcome;
    if (next !== undefined) onUndelivered(request, reply, () => this.tasks.giveBack(tenant, [next]));
    const head = JSON.stringify({
      workflows: workflows.map((workflow) => ({ id: workflow.id, version: workflow.version, etag: etagOf(workflow) })),
      taskIds: tasks.map(({ task }) => task.id),
      eventIds,
    });
    sendJson(reply, 200, head.slice(0, -1), `,"next":${next === undefined ? 'null' : claimedText(next)}}`);
  }
}
