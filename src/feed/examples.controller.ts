import { readFileSync } from 'node:fs';
import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Config } from '../config/config.js';
import { PACKAGE } from '../folders.js';
import { RouteNotFoundError } from '../http/http-errors.js';

const page = new URL('examples/live.html', PACKAGE);

/** Example pages, served only with EXAMPLES=true. */
@ApiExcludeController()
@Controller('examples')
export class ExamplesController {
  constructor(private readonly config: Config) {}

  @Get('live.html')
  live(@Res() reply: FastifyReply): void {
    if (!this.config.examples) throw new RouteNotFoundError('Set EXAMPLES=true to serve the example pages');
    void reply.header('content-type', 'text/html; charset=utf-8').send(readFileSync(page, 'utf8'));
  }
}
