import { Readable } from 'node:stream';
import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import { StateTooLargeError } from '../engine/errors.js';
import { ON_CONFLICT } from '../engine/moving/arrival.js';
import { AdminGuard } from '../http/admin.guard.js';
import { LINES_TYPE, mediaTypeOf } from '../http/body.js';
import { refuseKey } from '../http/idempotency.js';
import { Query } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { Import } from './import-stream.js';
import { longestLine } from './limits.js';
import * as describe from './migration.openapi.js';
import { LineTooLongError, readLines } from './read-lines.js';

const FIELDS = ['onConflict', 'dryRun', 'report'];

/** Lines of an export into this store, one by one as they come. */
@describe.migration()
@Controller('v1/import')
@UseGuards(AdminGuard)
export class ImportController {
  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
  ) {}

  @describe.importRecords()
  @Post()
  @HttpCode(200)
  async take(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseKey(request);
    const query = new Query(request, FIELDS);
    mediaTypeOf(request, [LINES_TYPE]);
    const taking = new Import(this.engine.moving, {
      onConflict: query.oneOf('onConflict', ON_CONFLICT) ?? 'fail',
      isDryRun: query.oneOf('dryRun', ['true', 'false']) === 'true',
      each: query.oneOf('report', ['counts', 'each']) === 'each',
      maxStateBytes: this.config.maxStateBytes,
    });
    const longest = longestLine(this.config);
    try {
      const report = await taking.take(
        readLines((request.body as Readable | undefined | null) ?? Readable.from([]), longest),
      );
      sendJson(reply, 200, JSON.stringify(report));
    } catch (error) {
      // The rest of the stream is not waited for, so no other request can follow it on this connection.
      reply.header('connection', 'close');
      throw error instanceof LineTooLongError ? new StateTooLargeError(longest, null) : error;
    }
  }
}
