import { Controller, Patch, Post, Put, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Edit } from '../engine/commit.js';
import { JSON_TYPES, objectTextOf } from '../http/body.js';
import { FromBody, FromPath, FromQuery, Route } from '../http/route.js';
import { ANY_OBJECT, SectionPath, StatusChange, StatusQuery } from './document.dto.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { appendExhibitEdit, appendLogEdit } from './edits/append-edit.js';
import { mergeSectionEdit } from './edits/section-edit.js';
import { setStatusEdit } from './edits/status-edit.js';
import { MERGE_PATCH_TYPE } from './patch.dto.js';
import { ttlOf, TtlQuery } from './ttl.js';
import { CHANGED, workflowOf, WRITE_HEADERS, writtenAnswer } from './workflow-answer.js';
import { WorkflowPath } from './workflow.dto.js';
import { Writes } from './writes.js';

const SECTION_TYPES = [...JSON_TYPES, MERGE_PATCH_TYPE] as const;
const SECTION = { schema: ANY_OBJECT, example: { title: 'Introduction', status: 'done' } };

/** Frequent operations of document generation, each one atomic change of the state. */
@ApiTags('document operations')
@Controller('v1/workflows/:id')
export class DocumentsController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly writes: Writes,
  ) {}

  @Put('status')
  @Route({
    id: 'setStatus',
    summary: 'Set state.status, optionally only from certain statuses',
    once: true,
    headers: WRITE_HEADERS,
    answers: CHANGED,
    problems: ['WORKFLOW_NOT_FOUND', 'STATUS_CONFLICT', 'STATE_SHAPE_CONFLICT', 'TOO_MANY_TASKS'],
  })
  async setStatus(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(StatusQuery) { tasks, ...ttl }: StatusQuery,
    @FromBody(StatusChange) change: StatusChange,
    @Req() request: FastifyRequest,
  ) {
    const edit = setStatusEdit(change);
    const companions = { cancelTasks: tasks === 'cancel' };
    const changed = await this.writes.run(request, (write) =>
      this.workflows.edit(id, edit, ttlOf(ttl), write, companions),
    );
    return writtenAnswer(request, changed, 200, workflowOf);
  }

  @Patch('sections/:sectionId')
  @Route({
    id: 'mergeSection',
    summary: 'Merge fields into the section with this id or section_id; stamps its updated_at',
    once: true,
    headers: WRITE_HEADERS,
    body: { types: { 'application/json': SECTION, [MERGE_PATCH_TYPE]: SECTION } },
    answers: CHANGED,
    problems: ['WORKFLOW_NOT_FOUND', 'SECTION_NOT_FOUND', 'STATE_SHAPE_CONFLICT'],
  })
  async mergeSection(
    @FromPath(SectionPath) { id, sectionId }: SectionPath,
    @FromQuery(TtlQuery) query: TtlQuery,
    @Req() request: FastifyRequest,
  ) {
    return this.#edit(request, id, query, mergeSectionEdit(sectionId, await objectTextOf(request, SECTION_TYPES)));
  }

  @Post('logs')
  @Route({
    id: 'appendLog',
    summary: 'Append to state.logs, which keeps the newest 100; stamps timestamp when it is absent',
    once: true,
    headers: WRITE_HEADERS,
    body: { types: { 'application/json': { schema: ANY_OBJECT, example: { message: 'Draft finished' } } } },
    answers: CHANGED,
    problems: ['WORKFLOW_NOT_FOUND', 'STATE_SHAPE_CONFLICT'],
  })
  async appendLog(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(TtlQuery) query: TtlQuery,
    @Req() request: FastifyRequest,
  ) {
    return this.#edit(request, id, query, appendLogEdit(await objectTextOf(request)));
  }

  @Post('exhibits')
  @Route({
    id: 'appendExhibit',
    summary: 'Append to state.exhibits; stamps uploaded_at',
    once: true,
    headers: WRITE_HEADERS,
    body: { types: { 'application/json': { schema: ANY_OBJECT, example: { name: 'contract.pdf' } } } },
    answers: CHANGED,
    problems: ['WORKFLOW_NOT_FOUND', 'STATE_SHAPE_CONFLICT'],
  })
  async appendExhibit(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(TtlQuery) query: TtlQuery,
    @Req() request: FastifyRequest,
  ) {
    return this.#edit(request, id, query, appendExhibitEdit(await objectTextOf(request)));
  }

  async #edit(request: FastifyRequest, id: string, query: TtlQuery, edit: Edit) {
    const ttl = ttlOf(query);
    const changed = await this.writes.run(request, (write) => this.workflows.edit(id, edit, ttl, write));
    return writtenAnswer(request, changed, 200, workflowOf);
  }
}
