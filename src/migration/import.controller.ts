import { Readable } from 'node:stream';
import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Keyring } from '../access/seal/keyring.js';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import { StateTooLargeError } from '../engine/errors.js';
import { LINES_TYPE, mediaTypeOf } from '../http/body.js';
import { answer, FromQuery, Route } from '../http/route.js';
import { Importer } from './importer.js';
import { headerOf, maxLineBytes, noCounts, textOfLine } from './lines.js';
import { ImportQuery, ImportReport } from './migration.dto.js';
import { LineTooLongError, readLines } from './read-lines.js';

const EXAMPLE = textOfLine(headerOf(0, ['default'])) + textOfLine({ kind: 'end', ...noCounts(), next: null });

/** Imports lines of an export as they arrive. */
@ApiTags('moving state')
@Controller('v1/import')
export class ImportController {
  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
    private readonly keyring: Keyring,
  ) {}

  @Post()
  @Route({
    id: 'importRecords',
    summary: 'Write the records of an export into this store, exactly as they are',
    description:
      'For operators. The first line must be the header of an export; without it nothing is imported. Each record ' +
      'arrives whole or not at all; importing it again changes nothing. An invalid line is reported by its number and skipped. Sealed lines need the key that sealed them; without it the import ends.',
    body: {
      types: {
        [LINES_TYPE]: {
          schema: { type: 'string', description: 'One JSON object in each line; docs/migration.md' },
          example: EXAMPLE,
        },
      },
    },
    answers: { 200: { says: 'Outcome of the records', body: ImportReport } },
    problems: ['ENCRYPTION_UNAVAILABLE', 'IMPORT_HEADER_MISSING', 'SEAL_KEY_UNKNOWN'],
  })
  async take(
    @FromQuery(ImportQuery) { onConflict, dryRun, report }: ImportQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    mediaTypeOf(request, [LINES_TYPE]);
    const taking = new Importer(this.engine.moving, {
      onConflict,
      isDryRun: dryRun,
      keyring: this.keyring,
      each: report === 'each',
      maxStateBytes: this.config.maxStateBytes,
    });
    const maxBytes = maxLineBytes(this.config);
    const body = (request.body as Readable | undefined | null) ?? Readable.from([]);
    try {
      return answer(200, await taking.take(readLines(body, maxBytes)));
    } catch (error) {
      // The rest of the body is not read, so the connection cannot be used again.
      reply.header('connection', 'close');
      throw error instanceof LineTooLongError ? new StateTooLargeError(maxBytes, null) : error;
    }
  }
}
