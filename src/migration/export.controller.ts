import { Readable } from 'node:stream';
import { Controller, Get, Logger, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Engine } from '../engine/engine.js';
import type { Kind } from '../engine/moving/moved.js';
import { READ_AT_ONCE } from '../engine/moving/moving.js';
import { AdminGuard } from '../http/admin.guard.js';
import { jsonTextOf, LINES_TYPE, readObject } from '../http/body.js';
import { isName, isTaskId } from '../engine/names.js';
import { InvalidQueryError } from '../http/http-errors.js';
import { refuseKey } from '../http/idempotency.js';
import { Query, refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { Draining } from '../lifecycle/draining.js';
import { exportLines, KINDS, VIEWS, type ExportOptions } from './export-stream.js';
import * as describe from './migration.openapi.js';

const FIELDS = ['view', 'kinds', 'tenant', 'since', 'after', 'limit'];

/** All state as lines, exactly as it is: for moving it, and for keeping a copy. */
@describe.migration()
@Controller('v1/export')
@UseGuards(AdminGuard)
export class ExportController {
  readonly #logger = new Logger('Export');

  constructor(
    private readonly engine: Engine,
    private readonly draining: Draining,
  ) {}

  @describe.exportAll()
  @Get()
  async all(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseKey(request);
    const lines = exportLines(this.engine.moving, optionsOf(request));
    // An error before the first line is an answer; later ones cut the stream, which then has no end line.
    const first = await lines.next();
    const stream = Readable.from(this.#untilDraining(first.value ?? '', lines), { objectMode: false });
    reply.header('content-type', `${LINES_TYPE}; charset=utf-8`).header('cache-control', 'no-store');
    await reply.send(stream);
  }

  @describe.exportRecords()
  @Post()
  async some(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseKey(request);
    refuseQuery(request);
    const {
      tenant = 'default',
      kind,
      ids,
    } = readObject<{ tenant?: string; kind: Kind; ids: string[] }>(jsonTextOf(request), {
      tenant: {
        accepts: (value): value is string => typeof value === 'string' && isName(value),
        says: 'must be a name',
      },
      kind: { accepts: isKind, says: `must be ${KINDS.join(', ')}`, required: true },
      ids: { accepts: isIds, says: `must be a list of at most ${READ_AT_ONCE} ids`, required: true },
    });
    const records = await this.engine.moving.read(tenant, kind, ids);
    const texts = records.map((record) => (record === undefined ? 'null' : JSON.stringify({ tenant, ...record })));
    sendJson(reply, 200, `{"items":[${texts.join(',')}]}`);
  }

  async *#untilDraining(first: string, lines: AsyncGenerator<string>): AsyncGenerator<string> {
    try {
      yield first;
      for await (const text of lines) {
        if (this.draining.hasBegun) throw new Error('the service is shutting down');
        yield text;
      }
    } catch (error) {
      this.#logger.warn(`an export was cut: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }
}

function optionsOf(request: FastifyRequest): ExportOptions {
  const query = new Query(request, FIELDS);
  const after = query.text('after');
  const limit = query.integer('limit', { min: 1, max: 1_000_000_000 });
  const tenant = query.text('tenant');
  if (tenant !== undefined && !isName(tenant)) throw InvalidQueryError.of('tenant', 'must be a name');
  // Ids of different tenants have no common order.
  if ((after !== undefined || limit !== undefined) && tenant === undefined) {
    throw InvalidQueryError.of('tenant', 'is needed with after and limit');
  }
  return {
    view: query.oneOf('view', VIEWS) ?? 'records',
    kinds: kindsOf(query.text('kinds')),
    tenant,
    sinceMs: query.timeMs('since'),
    after,
    limit,
  };
}

function kindsOf(text: string | undefined): readonly Kind[] {
  if (text === undefined) return KINDS;
  const kinds = text.split(',');
  if (kinds.every(isKind)) return kinds;
  throw InvalidQueryError.of('kinds', `must be some of ${KINDS.join(', ')}, separated by commas`);
}

function isKind(value: unknown): value is Kind {
  return KINDS.includes(value as Kind);
}

/** Ids of workflows and tasks and names of queues are of one alphabet. */
function isIds(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.length <= READ_AT_ONCE && value.every((id) => typeof id === 'string' && isTaskId(id))
  );
}
