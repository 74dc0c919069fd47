import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ConflictName } from '../engine/commit.js';
import type { ConflictDetail, ConflictRecord } from '../engine/conflicts.js';
import { ConflictNotFoundError } from '../engine/errors.js';
import { callerOf, workflowIdOf } from '../http/caller.js';
import { ObjectReader } from '../http/object-reader.js';
import { Query, refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { isoTime } from '../http/times.js';
import * as describe from './conflicts.openapi.js';
import { isTtlSeconds, TTL_RULE, ttlOf } from './ttl.js';
import { WorkflowConflicts, type Resolution } from './workflow-conflicts.js';
import { sendWritten, Writes } from './writes.js';

const LARGEST_PAGE = 1000;
const USUAL_PAGE = 50;

/** What could not become current when Redis was back: kept, shown, and resolved. */
@describe.conflicts()
@Controller('v1/workflows/:id/conflicts')
export class ConflictsController {
  constructor(
    private readonly conflicts: WorkflowConflicts,
    private readonly writes: Writes,
  ) {}

  @describe.listConflicts()
  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = workflowIdOf(request);
    const query = new Query(request, ['limit', 'before']);
    const before = query.integer('before', { min: 1, max: Number.MAX_SAFE_INTEGER });
    const { conflicts, nextBefore } = await this.conflicts.list(callerOf(request).tenant, id, {
      limit: query.integer('limit', { min: 1, max: LARGEST_PAGE }) ?? USUAL_PAGE,
      ...(before !== undefined && { before }),
    });
    const items = conflicts.map((conflict) => JSON.stringify(shown(conflict)));
    sendJson(reply, 200, `{"items":[${items.join(',')}],"nextBefore":${nextBefore}}`);
  }

  @describe.getConflict()
  @Get(':n')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const conflict = await this.conflicts.get(callerOf(request).tenant, nameOf(request));
    sendJson(reply, 200, detailText(conflict));
  }

  @describe.resolveConflict()
  @Post(':n/resolve')
  async resolve(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const name = nameOf(request);
    const { use, ttlSeconds } = ObjectReader.read(request, (body) => ({
      use: body.rawRequired('use'),
      ttlSeconds: body.value('ttlSeconds', TTL_RULE, isTtlSeconds),
    }));
    const ttl = ttlSeconds === undefined ? undefined : ttlOf(ttlSeconds);
    const { workflow, replayed } = await this.writes.run(request, (write) =>
      this.conflicts.resolve(name, resolutionOf(use), ttl, write),
    );
    if (workflow !== undefined) return sendWritten(request, reply, { workflow, created: false, replayed });
    if (replayed) reply.header('idempotency-replayed', 'true');
    void reply.status(204).send();
  }
}

/** The two words mean something; everything else is a state. */
function resolutionOf(use: string): Resolution {
  if (use === '"current"') return 'current';
  return use === '"detached"' ? 'detached' : { state: use };
}

function nameOf(request: FastifyRequest): ConflictName {
  const id = workflowIdOf(request);
  const { n = '' } = request.params as Record<string, string>;
  // What is no number was never the number of a conflict.
  if (!/^[1-9]\d{0,14}$/.test(n)) throw new ConflictNotFoundError({ id, n });
  return { id, n: Number(n) };
}

function shown({ about, ...conflict }: ConflictRecord): object {
  const { n, is, etag, base, reason, writtenAtMs, keptAtMs, untilMs, deadlineMs, enqueue } = conflict;
  const { by, cause, note, taskId, changed } = about;
  return {
    n,
    is,
    etag,
    base,
    reason,
    by,
    cause,
    note,
    taskId,
    changed,
    writtenAt: isoTime(writtenAtMs),
    keptAt: isoTime(keptAtMs),
    keptUntil: untilMs === null ? null : isoTime(untilMs),
    expiresAt: deadlineMs === null ? null : isoTime(deadlineMs),
    tasks: enqueue.map(({ id, queue }) => ({ id, queue })),
  };
}

function detailText(conflict: ConflictDetail): string {
  const head = JSON.stringify(shown(conflict));
  return conflict.state === undefined ? head : `${head.slice(0, -1)},"state":${conflict.state}}`;
}
