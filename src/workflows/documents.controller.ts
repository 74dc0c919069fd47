import { Controller, Patch, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Edit } from '../engine/commit.js';
import { JSON_TYPES, jsonTextOf, objectTextOf, readObject } from '../http/body.js';
import { workflowIdOf } from '../http/caller.js';
import { Query } from '../http/query.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { appendExhibitEdit, appendLogEdit } from './edits/append-edit.js';
import { mergeSectionEdit } from './edits/section-edit.js';
import { setStatusEdit, type StatusChange } from './edits/status-edit.js';
import { ttlIn, ttlOfQuery } from './ttl.js';
import { sendWritten, Writes } from './writes.js';
import * as describe from './workflows.openapi.js';

const isText = (value: unknown): value is string => typeof value === 'string';
const SECTION_TYPES = [...JSON_TYPES, 'application/merge-patch+json'] as const;

/** What document-generation workflows do all day; each is one atomic change of the state. */
@describe.documents()
@Controller('v1/workflows/:id')
export class DocumentsController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly writes: Writes,
  ) {}

  @describe.setStatus()
  @Put('status')
  async setStatus(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const change = readObject<StatusChange>(jsonTextOf(request), {
      status: { accepts: isText, says: 'must be a string', required: true },
      error_message: {
        accepts: (value): value is string | null => value === null || isText(value),
        says: 'must be a string or null',
      },
      from: {
        accepts: (value): value is string[] => Array.isArray(value) && value.length > 0 && value.every(isText),
        says: 'must be a list of at least one status',
      },
    });
    const id = workflowIdOf(request);
    const query = new Query(request, ['ttlSeconds', 'tasks']);
    const ttl = ttlIn(query);
    const companions = { cancelTasks: query.oneOf('tasks', ['cancel']) !== undefined };
    const edit = setStatusEdit(change);
    const changed = await this.writes.run(request, (write) => this.workflows.edit(id, edit, ttl, write, companions));
    sendWritten(request, reply, changed);
  }

  @describe.mergeSection()
  @Patch('sections/:sectionId')
  async mergeSection(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { sectionId } = request.params as { sectionId: string };
    await this.#edit(request, reply, mergeSectionEdit(sectionId, objectTextOf(request, SECTION_TYPES)));
  }

  @describe.appendLog()
  @Post('logs')
  async appendLog(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#edit(request, reply, appendLogEdit(objectTextOf(request)));
  }

  @describe.appendExhibit()
  @Post('exhibits')
  async appendExhibit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#edit(request, reply, appendExhibitEdit(objectTextOf(request)));
  }

  async #edit(request: FastifyRequest, reply: FastifyReply, edit: Edit): Promise<void> {
    const id = workflowIdOf(request);
    const ttl = ttlOfQuery(request);
    sendWritten(request, reply, await this.writes.run(request, (write) => this.workflows.edit(id, edit, ttl, write)));
  }
}
