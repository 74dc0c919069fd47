import { Controller, Get, Patch, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mediaTypeOf, scanBody, textOf } from '../http/body.js';
import { workflowIdOf } from '../http/caller.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { jsonPatchEdit } from './edits/json-patch-edit.js';
import { mergePatchEdit } from './edits/merge-patch-edit.js';
import { StateBody } from './state-body.js';
import { ttlOfQuery } from './ttl.js';
import { sendJson } from '../http/send-json.js';
import { WorkflowReader } from './workflow-reader.js';
import { sendWritten, Writes } from './writes.js';
import * as describe from './workflows.openapi.js';

const MERGE_PATCH = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

/** The state alone, without the workflow around it: what `curl -d @state.json` sends and `jq` reads. */
@describe.workflows()
@Controller('v1/workflows/:id/state')
export class StateController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly reader: WorkflowReader,
    private readonly bodies: StateBody,
    private readonly writes: Writes,
  ) {}

  @describe.getState()
  @Get()
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const workflow = await this.reader.read(request, reply);
    if (workflow !== undefined) sendJson(reply, 200, workflow.state);
  }

  @describe.putState()
  @Put()
  async put(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = workflowIdOf(request);
    const draft = this.bodies.raw(request, ttlOfQuery(request));
    const written = await this.writes.run(request, (write) => this.workflows.put(id, draft, write));
    sendWritten(request, reply, written, { bare: true });
  }

  @describe.patchState()
  @Patch()
  async patch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = workflowIdOf(request);
    const type = mediaTypeOf(request, [MERGE_PATCH, JSON_PATCH]);
    const text = textOf(request);
    scanBody(text);
    const edit = type === MERGE_PATCH ? mergePatchEdit(text) : jsonPatchEdit(text);
    const ttl = ttlOfQuery(request);
    sendWritten(request, reply, await this.writes.run(request, (write) => this.workflows.edit(id, edit, ttl, write)));
  }
}
