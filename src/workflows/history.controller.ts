import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { jsonTextOf, readObject } from '../http/body.js';
import { callerOf, checkedId, workflowIdOf } from '../http/caller.js';
import { Query, refuseQuery } from '../http/query.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { VersionNotFoundError } from './workflow-errors.js';
import { sendJson } from '../http/send-json.js';
import { describeWorkflow, sendWorkflow, versionText } from './workflow-answer.js';
import { sendWritten, Writes } from './writes.js';
import * as describe from './workflows.openapi.js';

const LARGEST_PAGE = 1000;
const USUAL_PAGE = 50;
const isVersion = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
const VERSION_RULE = 'must be a version number, an integer from 1';

@describe.history()
@Controller('v1/workflows/:id')
export class HistoryController {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly writes: Writes,
  ) {}

  @describe.listVersions()
  @Get('versions')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = workflowIdOf(request);
    const query = new Query(request, ['limit', 'before', 'include']);
    const before = query.integer('before', { min: 1, max: Number.MAX_SAFE_INTEGER });
    const { versions, nextBefore } = await this.workflows.listVersions(callerOf(request).tenant, id, {
      limit: query.integer('limit', { min: 1, max: LARGEST_PAGE }) ?? USUAL_PAGE,
      includeState: query.oneOf('include', ['state']) !== undefined,
      ...(before !== undefined && { before }),
    });
    sendJson(reply, 200, `{"items":[${versions.map(versionText).join(',')}],"nextBefore":${nextBefore}}`);
  }

  @describe.getVersion()
  @Get('versions/:version')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const id = workflowIdOf(request);
    const version = await this.workflows.getVersion(callerOf(request).tenant, id, numberOf(request, 'version'));
    sendWorkflow(describeWorkflow(reply, version), 200, version);
  }

  @describe.diff()
  @Get('versions/:from/diff/:to')
  async diff(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const id = workflowIdOf(request);
    const from = numberOf(request, 'from');
    const to = numberOf(request, 'to');
    const { operations, truncated } = await this.workflows.diff(callerOf(request).tenant, id, from, to);
    sendJson(reply, 200, `{"from":${from},"to":${to},"truncated":${truncated},"patch":${operations}}`);
  }

  @describe.restore()
  @Post('restore')
  async restore(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const id = workflowIdOf(request);
    const { version } = readObject<{ version: number }>(jsonTextOf(request), {
      version: { accepts: isVersion, says: VERSION_RULE, required: true },
    });
    const restored = await this.writes.run(request, (write) => this.workflows.restore(id, version, write));
    sendWritten(request, reply, restored);
  }

  @describe.fork()
  @Post('fork')
  async fork(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const source = workflowIdOf(request);
    const hasBody = (request.body as Buffer | null | undefined)?.length;
    const { id, version } = readObject<{ id?: string; version?: number }>(hasBody ? jsonTextOf(request) : '{}', {
      id: { accepts: (value): value is string => typeof value === 'string', says: 'must be a string' },
      version: { accepts: isVersion, says: VERSION_RULE },
    });
    const target = id === undefined ? undefined : checkedId(id);
    const fork = await this.writes.run(request, (write) => this.workflows.fork(source, target, version, write));
    sendWritten(request, reply, fork, {
      location: `/v1/workflows/${fork.workflow.id}`,
      more: `,"forkedFrom":${JSON.stringify(fork.origin)}`,
    });
  }
}

/** A version in the path; what is no number was never a version. */
function numberOf(request: FastifyRequest, name: string): number {
  const params = request.params as Record<string, string>;
  const text = params[name] ?? '';
  const version = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!isVersion(version)) throw new VersionNotFoundError(params['id'] ?? '', text);
  return version;
}
