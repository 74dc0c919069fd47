import { Controller, Get, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { ConflictRecord as StoredConflict } from '../engine/conflicts.js';
import type { Caller } from '../http/caller.js';
import { answer, FromBody, FromCaller, FromPath, FromQuery, Route } from '../http/route.js';
import { Conflict, ConflictPage, ConflictPath, ConflictQuery, ResolveRequest } from './conflict.dto.js';
import { ttlOf } from './ttl.js';
import { workflowOf, WRITE_HEADERS, WRITTEN_HEADERS, writtenAnswer } from './workflow-answer.js';
import { WorkflowConflicts, type Resolution } from './workflow-conflicts.js';
import { Workflow, WorkflowPath } from './workflow.dto.js';
import { Writes } from './writes.js';

/** Conflicts: writes acknowledged while Redis was unreachable that could not become current. */
@ApiTags('conflicts')
@Controller('v1/workflows/:id/conflicts')
export class ConflictsController {
  constructor(
    private readonly conflicts: WorkflowConflicts,
    private readonly writes: Writes,
  ) {}

  @Get()
  @Route({
    id: 'listConflicts',
    summary:
      'List conflicts, newest first: writes that were acknowledged while Redis was unreachable and could not become current',
    isPage: 'with states',
    answers: { 200: { says: 'A page; it may be shorter than its limit', body: ConflictPage } },
  })
  async list(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(ConflictQuery) { include, ...page }: ConflictQuery,
    @FromCaller() { tenant }: Caller,
  ) {
    const { conflicts, nextBefore } = await this.conflicts.list(tenant, id, {
      ...page,
      includeState: include === 'state',
    });
    return answer(200, { items: conflicts.map(withOrigin), nextBefore });
  }

  @Get(':n')
  @Route({
    id: 'getConflict',
    summary: 'One conflict with its state; a delete has no state',
    answers: { 200: { says: 'The conflict', body: Conflict } },
    problems: ['CONFLICT_NOT_FOUND'],
  })
  async get(@FromPath(ConflictPath) path: ConflictPath, @FromCaller() { tenant }: Caller) {
    return answer(200, withOrigin(await this.conflicts.get(tenant, path)));
  }

  @Post(':n/resolve')
  @Route({
    id: 'resolveConflict',
    summary: 'Choose the state of the workflow and end the conflict, in one step',
    once: true,
    headers: WRITE_HEADERS,
    answers: {
      200: { says: 'Written', body: Workflow, headers: WRITTEN_HEADERS },
      204: { says: 'The workflow stays as it is, or is deleted', headers: WRITTEN_HEADERS },
    },
    problems: ['CONFLICT_NOT_FOUND', 'WORKFLOW_NOT_FOUND'],
  })
  async resolve(
    @FromPath(ConflictPath) path: ConflictPath,
    @FromBody(ResolveRequest) { use, ...ttl }: ResolveRequest,
    @Req() request: FastifyRequest,
  ) {
    const { workflow, replayed } = await this.writes.run(request, (write) =>
      this.conflicts.resolve(path, resolutionOf(use), ttlOf(ttl), write),
    );
    if (workflow === undefined) return answer(204, undefined, { replayed });
    return writtenAnswer(request, { workflow, created: false, replayed }, 200, workflowOf);
  }
}

/** Any other JSON is a state. */
function resolutionOf(use: string): Resolution {
  if (use === '"current"') return 'current';
  return use === '"detached"' ? 'detached' : { state: use };
}

function withOrigin<C extends StoredConflict>({ about, ...conflict }: C) {
  return { ...conflict, ...about };
}
