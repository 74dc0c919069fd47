import { Controller, Delete, Get, Post, Put, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { checkedId, type Caller } from '../http/caller.js';
import { answer, FromBody, FromCaller, FromPath, FromQuery, Route } from '../http/route.js';
import { exampleOf } from '../http/shapes/describe.js';
import { deleted, DELETION } from './deletion.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { ListFilter, ListQuery } from './list.dto.js';
import { Listing } from './listing.js';
import { StateBody } from './state-body.js';
import { ttlOf } from './ttl.js';
import {
  CREATE_HEADERS,
  created,
  createdAnswer,
  MINIMAL,
  NOT_MODIFIED,
  READ_HEADERS,
  STALE,
  TAG_HEADERS,
  workflowOf,
  WRITE_HEADERS,
  WRITTEN_HEADERS,
  writtenAnswer,
  writtenHeaders,
} from './workflow-answer.js';
import { WorkflowReader } from './workflow-reader.js';
import {
  BatchedWorkflow,
  BatchGetRequest,
  DeletedSome,
  DeletionQuery,
  NewWorkflow,
  PrefixDeletion,
  TouchRequest,
  Workflow,
  WorkflowBatch,
  WorkflowContent,
  WorkflowCount,
  WorkflowPage,
  WorkflowPath,
} from './workflow.dto.js';
import { Writes } from './writes.js';

@ApiTags('workflows')
@Controller('v1/workflows')
export class WorkflowsController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly listing: Listing,
    private readonly reader: WorkflowReader,
    private readonly bodies: StateBody,
    private readonly writes: Writes,
  ) {}

  @Post()
  @Route({
    id: 'createWorkflow',
    summary: 'Create a workflow; without an id the service makes one (UUIDv7)',
    once: true,
    headers: CREATE_HEADERS,
    body: { types: { 'application/json': { schema: NewWorkflow, example: exampleOf(NewWorkflow) } } },
    answers: { 201: created('Created') },
    problems: ['INVALID_ID', 'ALREADY_EXISTS'],
  })
  async create(@Req() request: FastifyRequest) {
    const { id, draft } = await this.bodies.newWorkflow(request);
    const chosen = id === undefined ? undefined : checkedId(id);
    const written = await this.writes.run(request, (write) => this.workflows.create(chosen, draft, write));
    return createdAnswer(request, written, workflowOf);
  }

  @Get()
  @Route({
    id: 'listWorkflows',
    summary: 'List workflows, by any of the indexed fields',
    isPage: 'with states',
    query: ListQuery,
    answers: { 200: { says: 'A page', body: WorkflowPage, headers: ['Link'] } },
    problems: ['INVALID_CURSOR'],
  })
  async list(@FromCaller() { tenant }: Caller, @Req() request: FastifyRequest) {
    const page = await this.workflows.list(tenant, this.listing.queryOf(request));
    const nextCursor = this.listing.cursorOf(request, page.next);
    const link = nextCursor === null ? undefined : this.listing.linkTo(request, nextCursor);
    return answer(200, { items: page.items, nextCursor }, { headers: { link } });
  }

  @Get('count')
  @Route({
    id: 'countWorkflows',
    summary: 'Count workflows',
    query: ListFilter,
    answers: { 200: { says: 'The number', body: WorkflowCount } },
  })
  async count(@FromCaller() { tenant }: Caller, @Req() request: FastifyRequest) {
    return answer(200, { count: await this.workflows.count(tenant, this.listing.filterOf(request)) });
  }

  @Post('batch-get')
  @Route({
    id: 'batchGetWorkflows',
    summary: 'Read up to 100 workflows at once, in order',
    isPage: 'always',
    description:
      'States of at most 8 MiB together. Ids after them are `omitted`: ask for them in the next request. Repeated ids count each time.',
    answers: { 200: { says: 'One entry for each id', body: WorkflowBatch, headers: ['Warning'] } },
    problems: ['INVALID_ID'],
  })
  async batchGet(
    @FromBody(BatchGetRequest) { ids, include = 'state' }: BatchGetRequest,
    @FromCaller() { tenant }: Caller,
  ) {
    const found = await this.workflows.findPage(tenant, ids.map(checkedId));
    const hasStates = [include].flat().includes('state');
    const items = ids.map((id, i): BatchedWorkflow => {
      if (i >= found.length) return { id, omitted: true };
      const workflow = found[i];
      if (workflow === undefined) return { id, missing: true };
      return hasStates ? workflow : { ...workflow, state: undefined };
    });
    const isStale = found.some((workflow) => workflow?.isHeldCopy === true);
    return answer(200, { items }, { headers: { warning: isStale ? STALE : undefined } });
  }

  @Get(':id')
  @Route({
    id: 'getWorkflow',
    summary: 'Read a workflow, or wait for its next version',
    headers: READ_HEADERS,
    answers: { 200: { says: 'The workflow', body: Workflow, headers: [...TAG_HEADERS, 'Warning'] }, 304: NOT_MODIFIED },
    problems: ['WORKFLOW_NOT_FOUND', 'TOO_MANY_LISTENERS'],
  })
  get(@FromPath(WorkflowPath) { id }: WorkflowPath, @Req() request: FastifyRequest) {
    return this.reader.read(request, id, workflowOf);
  }

  @Put(':id')
  @Route({
    id: 'putWorkflow',
    summary: 'Create or replace a workflow',
    once: true,
    headers: WRITE_HEADERS,
    body: { types: { 'application/json': { schema: WorkflowContent, example: exampleOf(WorkflowContent) } } },
    answers: {
      200: { says: 'Replaced', body: Workflow, headers: WRITTEN_HEADERS },
      201: { says: 'Created', body: Workflow, headers: WRITTEN_HEADERS },
      204: MINIMAL,
    },
  })
  async put(@FromPath(WorkflowPath) { id }: WorkflowPath, @Req() request: FastifyRequest) {
    const draft = await this.bodies.content(request);
    const written = await this.writes.run(request, (write) => this.workflows.put(id, draft, write));
    return writtenAnswer(request, written, written.created ? 201 : 200, workflowOf);
  }

  @Delete(':id')
  @Route({
    id: 'deleteWorkflow',
    summary: 'Delete a workflow with its history',
    ...DELETION,
  })
  delete(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(DeletionQuery) query: DeletionQuery,
    @Req() request: FastifyRequest,
  ) {
    const { workflows, writes } = this;
    return deleted({ workflows, writes }, request, id, query);
  }

  @Delete()
  @Route({
    id: 'deleteWorkflows',
    summary: 'Delete workflows whose ids start with a text, in steps',
    description:
      'Deletes up to `limit` workflows, in the order of their ids, each in a step of its own. Repeat the request until `isComplete`; after a failure too.',
    notOnce: 'A repeat of this request goes on where it ended, so it needs no Idempotency-Key',
    answers: { 200: { says: 'Deleted', body: DeletedSome } },
    problems: ['TOO_MANY_TASKS'],
  })
  async deleteSome(@FromQuery(PrefixDeletion) { tasks, ...which }: PrefixDeletion, @FromCaller() { tenant }: Caller) {
    return answer(200, await this.workflows.deleteSome(tenant, which, { cancelTasks: tasks === 'cancel' }));
  }

  @Post(':id/touch')
  @Route({
    id: 'touchWorkflow',
    summary: 'Move the deadline; the version stays',
    once: true,
    headers: ['If-Match', 'If-None-Match'],
    answers: { 204: { says: 'Moved', headers: WRITTEN_HEADERS } },
    problems: ['WORKFLOW_NOT_FOUND'],
  })
  async touch(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromBody(TouchRequest, { optional: true }) given: TouchRequest,
    @Req() request: FastifyRequest,
  ) {
    const ttl = ttlOf(given);
    const touched = await this.writes.run(request, (write) => this.workflows.touch(id, ttl, write));
    return answer(204, undefined, writtenHeaders(request, touched));
  }
}
