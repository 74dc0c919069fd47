import { Readable } from 'node:stream';
import { Controller, Get, Logger, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Keyring } from '../access/seal/keyring.js';
import { Engine } from '../engine/engine.js';
import { LINES_TYPE } from '../http/body.js';
import { answer, FromBody, FromQuery, Route } from '../http/route.js';
import { Draining } from '../lifecycle/draining.js';
import type { ServiceError } from '../service-error.js';
import { LiveCallers } from '../waiting/live-callers.js';
import { exportLines } from './export-lines.js';
import { damageText } from './lines.js';
import { ExportQuery, MovedRecords, RecordSelection } from './migration.dto.js';
import { textsOfRecord } from './record-texts.js';

/** Exports all state as lines, for migration and backup. */
@ApiTags('moving state')
@Controller('v1/export')
export class ExportController {
  readonly #logger = new Logger('Export');

  constructor(
    private readonly engine: Engine,
    private readonly keyring: Keyring,
    private readonly draining: Draining,
    private readonly callers: LiveCallers,
  ) {}

  @Get()
  @Route({
    id: 'exportAll',
    summary: 'All state as lines: a header, queues, workflows and tasks, and an end line with their counts',
    description:
      'For operators. A stream without an end line was cut. A record that the store cannot read is named in a line of ' +
      'kind `damaged`, which the end line counts. The export has every record that exists from ' +
      'its beginning to its end; a record that is created meanwhile may be missing.',
    answers: { 200: { says: 'The lines', types: { [LINES_TYPE]: { type: 'string' } } } },
    problems: ['ENCRYPTION_UNAVAILABLE'],
  })
  async all(@FromQuery(ExportQuery) query: ExportQuery, @Res() reply: FastifyReply) {
    const lines = exportLines(this.engine.moving, query, this.keyring, (line) =>
      this.#logger.error(`an export lacks a damaged record: ${damageText(line)}`),
    );
    // An error before the first line refuses the request; a later one cuts the stream, which then has no end line.
    const first = await lines.next();
    const stream = Readable.from(this.#whileAllowed(reply.request, first.value ?? '', lines), { objectMode: false });
    reply.header('content-type', `${LINES_TYPE}; charset=utf-8`).header('cache-control', 'no-store');
    await reply.send(stream);
  }

  @Post()
  @Route({
    id: 'exportRecords',
    summary: 'Some records as they are stored; null for those that do not exist',
    description: 'For operators.',
    answers: { 200: { says: 'In the order of the ids', body: MovedRecords } },
  })
  async some(@FromBody(RecordSelection) { tenant, kind, ids }: RecordSelection) {
    const records = await this.engine.moving.read(tenant, kind, ids);
    const items: string[] = [];
    for (const record of records) {
      if (record === undefined) {
        items.push('null');
        continue;
      }
      let text = '';
      for await (const piece of textsOfRecord({ tenant, ...record })) text += piece;
      items.push(text);
    }
    return answer(200, { items: `[${items.join(',')}]` });
  }

  async *#whileAllowed(request: FastifyRequest, first: string, lines: AsyncGenerator<string>): AsyncGenerator<string> {
    let refusal: ServiceError | undefined;
    const unwatch = this.callers.watchRequest(request, (error) => (refusal = error));
    try {
      yield first;
      for await (const text of lines) {
        if (this.draining.hasBegun) throw new Error('the service is shutting down');
        if (refusal !== undefined) throw refusal;
        yield text;
      }
    } catch (error) {
      this.#logger.warn(`an export was cut: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    } finally {
      unwatch();
    }
  }
}
