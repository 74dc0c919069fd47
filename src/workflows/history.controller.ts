import { Controller, Get, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { checkedId, type Caller } from '../http/caller.js';
import { answer, FromBody, FromCaller, FromPath, FromQuery, Route } from '../http/route.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { Diff, DiffPath, ForkRequest, RestoreRequest, VersionPage, VersionPath, VersionQuery } from './version.dto.js';
import {
  CHANGED,
  CREATE_HEADERS,
  created,
  createdAnswer,
  TAG_HEADERS,
  workflowOf,
  workflowHeaders,
  WRITE_HEADERS,
  writtenAnswer,
} from './workflow-answer.js';
import { Workflow, WorkflowPath } from './workflow.dto.js';
import { Writes } from './writes.js';

const VERSION_PROBLEMS = ['WORKFLOW_NOT_FOUND', 'VERSION_NOT_FOUND', 'VERSION_PRUNED'] as const;

@ApiTags('history')
@Controller('v1/workflows/:id')
export class HistoryController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly writes: Writes,
  ) {}

  @Get('versions')
  @Route({
    id: 'listVersions',
    summary: 'List the kept versions, newest or oldest first',
    isPage: 'with states',
    answers: { 200: { says: 'A page', body: VersionPage } },
    problems: ['WORKFLOW_NOT_FOUND'],
  })
  async list(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(VersionQuery) { include, ...page }: VersionQuery,
    @FromCaller() { tenant }: Caller,
  ) {
    const query = { ...page, includeState: include === 'state' };
    const { versions, nextBefore, nextAfter } = await this.workflows.listVersions(tenant, id, query);
    const items = versions.map(({ about, ...version }) => ({ ...version, ...about }));
    return answer(200, { items, nextBefore, nextAfter });
  }

  @Get('versions/:version')
  @Route({
    id: 'getVersion',
    summary: 'Read a version of the workflow',
    answers: { 200: { says: 'The version', body: Workflow, headers: TAG_HEADERS } },
    problems: VERSION_PROBLEMS,
  })
  async get(@FromPath(VersionPath) { id, version }: VersionPath, @FromCaller() { tenant }: Caller) {
    const found = await this.workflows.getVersion(tenant, id, version);
    return answer(200, found, { headers: workflowHeaders(found) });
  }

  @Get('versions/:from/diff/:to')
  @Route({
    id: 'diffVersions',
    summary: 'Read the changes between two versions, as a JSON Patch',
    isPage: 'always',
    answers: { 200: { says: 'The patch', body: Diff } },
    problems: VERSION_PROBLEMS,
  })
  async diff(@FromPath(DiffPath) { id, from, to }: DiffPath, @FromCaller() { tenant }: Caller) {
    const { operations, truncated } = await this.workflows.diff(tenant, id, from, to);
    return answer(200, { from, to, truncated, patch: operations });
  }

  @Post('restore')
  @Route({
    id: 'restoreVersion',
    summary: 'Write the state of an earlier version as a new one',
    once: true,
    headers: WRITE_HEADERS,
    answers: CHANGED,
    problems: VERSION_PROBLEMS,
  })
  async restore(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromBody(RestoreRequest) { version }: RestoreRequest,
    @Req() request: FastifyRequest,
  ) {
    const restored = await this.writes.run(request, (write) => this.workflows.restore(id, version, write));
    return writtenAnswer(request, restored, 200, workflowOf);
  }

  @Post('fork')
  @Route({
    id: 'forkWorkflow',
    summary: 'Create a workflow from the current state of this one, or from the state of an earlier version',
    once: true,
    headers: CREATE_HEADERS,
    answers: { 201: created('Forked') },
    problems: [...VERSION_PROBLEMS, 'INVALID_ID', 'ALREADY_EXISTS'],
  })
  async fork(
    @FromPath(WorkflowPath) { id: source }: WorkflowPath,
    @FromBody(ForkRequest, { optional: true }) { id, version }: ForkRequest,
    @Req() request: FastifyRequest,
  ) {
    const target = id === undefined ? undefined : checkedId(id);
    const fork = await this.writes.run(request, (write) => this.workflows.fork(source, target, version, write));
    return createdAnswer(request, fork, (workflow) => ({ ...workflow, forkedFrom: fork.origin }));
  }
}
