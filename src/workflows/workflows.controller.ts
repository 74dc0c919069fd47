import { Controller, Delete, Get, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { jsonTextOf, readObject } from '../http/body.js';
import { callerOf, checkedId, workflowIdOf } from '../http/caller.js';
import { refuseKey } from '../http/idempotency.js';
import { Query, refuseQuery } from '../http/query.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { Listing } from './listing.js';
import { StateBody } from './state-body.js';
import { isTtlSeconds, TTL_RULE, ttlOf, type TtlSeconds } from './ttl.js';
import { sendJson } from '../http/send-json.js';
import { sendWorkflow, STALE, workflowText } from './workflow-answer.js';
import { WorkflowReader } from './workflow-reader.js';
import { sendWritten, Writes } from './writes.js';
import * as describe from './workflows.openapi.js';

const LARGEST_BATCH = 100;

@describe.workflows()
@Controller('v1/workflows')
export class WorkflowsController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly listing: Listing,
    private readonly reader: WorkflowReader,
    private readonly bodies: StateBody,
    private readonly writes: Writes,
  ) {}

  @describe.create()
  @Post()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { id, draft } = this.bodies.newEnvelope(request);
    const created = await this.writes.run(request, (write) => this.workflows.create(id, draft, write));
    sendWritten(request, reply, created, { location: `/v1/workflows/${created.workflow.id}` });
  }

  @describe.list()
  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = this.listing.queryOf(request);
    const page = await this.workflows.list(callerOf(request).tenant, query);
    const items = page.items.map((item) => workflowText(item)).join(',');
    const cursor = this.listing.cursorOf(request, page.next);
    if (cursor !== undefined) reply.header('link', this.listing.linkTo(request, cursor));
    sendJson(reply, 200, `{"items":[${items}],"nextCursor":${JSON.stringify(cursor ?? null)}}`);
  }

  @describe.count()
  @Get('count')
  async count(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const count = await this.workflows.count(callerOf(request).tenant, this.listing.filterOf(request));
    sendJson(reply, 200, `{"count":${count}}`);
  }

  @describe.batchGet()
  @Post('batch-get')
  async batchGet(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    refuseKey(request);
    const { ids, include } = readObject<{ ids: string[]; include?: string | string[] }>(jsonTextOf(request), {
      ids: {
        accepts: (value): value is string[] =>
          Array.isArray(value) && value.length <= LARGEST_BATCH && value.every((id) => typeof id === 'string'),
        says: `must be a list of at most ${LARGEST_BATCH} ids`,
        required: true,
      },
      include: {
        accepts: (value): value is string | string[] =>
          [value].flat().every((name) => name === 'state' || name === 'none'),
        says: 'must be "state" (the default) or "none"',
      },
    });
    const found = await this.workflows.findMany(callerOf(request).tenant, ids.map(checkedId));
    if (found.some((workflow) => workflow?.isHeldCopy === true)) reply.header('warning', STALE);
    const bare = include === 'none' || (Array.isArray(include) && !include.includes('state'));
    const items = found.map((workflow, i) => {
      if (workflow === undefined) return JSON.stringify({ id: ids[i], missing: true });
      const { state, ...meta } = workflow;
      return workflowText(bare ? meta : { ...meta, state });
    });
    sendJson(reply, 200, `{"items":[${items.join(',')}]}`);
  }

  @describe.get()
  @Get(':id')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const workflow = await this.reader.read(request, reply);
    if (workflow !== undefined) sendWorkflow(reply, 200, workflow);
  }

  @describe.put()
  @Put(':id')
  async put(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const id = workflowIdOf(request);
    const draft = this.bodies.envelope(request);
    sendWritten(request, reply, await this.writes.run(request, (write) => this.workflows.put(id, draft, write)));
  }

  @describe.remove()
  @Delete(':id')
  async delete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = workflowIdOf(request);
    const companions = { cancelTasks: new Query(request, ['tasks']).oneOf('tasks', ['cancel']) !== undefined };
    const { replayed } = await this.writes.run(request, (write) => this.workflows.delete(id, write, companions));
    if (replayed) reply.header('idempotency-replayed', 'true');
    void reply.status(204).send();
  }

  @describe.touch()
  @Post(':id/touch')
  async touch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const id = workflowIdOf(request);
    const hasBody = request.body !== undefined && request.body !== null && (request.body as Buffer).length > 0;
    const { ttlSeconds } = readObject<{ ttlSeconds?: TtlSeconds }>(hasBody ? jsonTextOf(request) : '{}', {
      ttlSeconds: { accepts: isTtlSeconds, says: TTL_RULE },
    });
    const ttl = ttlSeconds === undefined ? undefined : ttlOf(ttlSeconds);
    const { workflow, ...touched } = await this.writes.run(request, (write) => this.workflows.touch(id, ttl, write));
    const { state: _state, ...meta } = workflow;
    sendWritten(request, reply, { ...touched, workflow: meta });
  }
}
