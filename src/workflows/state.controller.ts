import { Controller, Delete, Get, Patch, Put, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { mediaTypeOf, scanBody, textOf } from '../http/body.js';
import { FromPath, FromQuery, Route } from '../http/route.js';
import { deleted, DELETION } from './deletion.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { jsonPatchEdit } from './edits/json-patch-edit.js';
import { mergePatchEdit } from './edits/merge-patch-edit.js';
import { ANY_JSON, JSON_PATCH, JSON_PATCH_TYPE, MERGE_PATCH_TYPE } from './patch.dto.js';
import { StateBody } from './state-body.js';
import { ttlOf, TtlQuery } from './ttl.js';
import {
  CHANGED,
  MINIMAL,
  NOT_MODIFIED,
  READ_HEADERS,
  stateOf,
  TAG_HEADERS,
  workflowOf,
  WRITE_HEADERS,
  WRITTEN_HEADERS,
  writtenAnswer,
} from './workflow-answer.js';
import { WorkflowReader } from './workflow-reader.js';
import { DeletionQuery, STATE_EXAMPLE, WorkflowPath } from './workflow.dto.js';
import { Writes } from './writes.js';

/** The state without its workflow, for `curl -d @state.json` and `jq`. */
@ApiTags('workflows')
@Controller('v1/workflows/:id/state')
export class StateController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly reader: WorkflowReader,
    private readonly bodies: StateBody,
    private readonly writes: Writes,
  ) {}

  @Get()
  @Route({
    id: 'getState',
    summary: 'Read the state alone, exactly as it was written',
    headers: READ_HEADERS,
    answers: { 200: { says: 'The state', raw: ANY_JSON, headers: [...TAG_HEADERS, 'Warning'] }, 304: NOT_MODIFIED },
    problems: ['WORKFLOW_NOT_FOUND', 'TOO_MANY_LISTENERS'],
  })
  get(@FromPath(WorkflowPath) { id }: WorkflowPath, @Req() request: FastifyRequest) {
    return this.reader.read(request, id, stateOf);
  }

  @Put()
  @Route({
    id: 'putState',
    summary: 'Create or replace a workflow by its state alone',
    once: true,
    headers: WRITE_HEADERS,
    body: {
      types: {
        'application/json': { schema: ANY_JSON, example: STATE_EXAMPLE },
        'application/x-www-form-urlencoded': { schema: ANY_JSON, example: STATE_EXAMPLE },
      },
    },
    answers: {
      200: { says: 'Replaced', raw: ANY_JSON, headers: WRITTEN_HEADERS },
      201: { says: 'Created', raw: ANY_JSON, headers: WRITTEN_HEADERS },
      204: MINIMAL,
    },
  })
  async put(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(TtlQuery) ttlQuery: TtlQuery,
    @Req() request: FastifyRequest,
  ) {
    const draft = await this.bodies.raw(request, ttlOf(ttlQuery));
    const written = await this.writes.run(request, (write) => this.workflows.put(id, draft, write));
    return writtenAnswer(request, written, written.created ? 201 : 200, stateOf);
  }

  @Delete()
  @Route({
    id: 'deleteState',
    summary: 'Delete the workflow of this state, with its history',
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

  @Patch()
  @Route({
    id: 'patchState',
    summary: 'Change parts of the state; without If-Match it never fails because of other writers',
    once: true,
    headers: WRITE_HEADERS,
    body: {
      types: {
        [MERGE_PATCH_TYPE]: { schema: ANY_JSON, example: { status: 'review' } },
        [JSON_PATCH_TYPE]: { schema: JSON_PATCH, example: [{ op: 'add', path: '/status', value: 'review' }] },
      },
    },
    answers: CHANGED,
    problems: ['WORKFLOW_NOT_FOUND', 'PATCH_INVALID', 'PATCH_TEST_FAILED'],
  })
  async patch(
    @FromPath(WorkflowPath) { id }: WorkflowPath,
    @FromQuery(TtlQuery) ttlQuery: TtlQuery,
    @Req() request: FastifyRequest,
  ) {
    const type = mediaTypeOf(request, [MERGE_PATCH_TYPE, JSON_PATCH_TYPE]);
    const text = textOf(request);
    await scanBody(text);
    const edit = type === MERGE_PATCH_TYPE ? mergePatchEdit(text) : jsonPatchEdit(text);
    const ttl = ttlOf(ttlQuery);
    const changed = await this.writes.run(request, (write) => this.workflows.edit(id, edit, ttl, write));
    return writtenAnswer(request, changed, 200, workflowOf);
  }
}
