import { readFileSync } from 'node:fs';
import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Config } from '../config/config.js';
import { RouteNotFoundError } from '../http/http-errors.js';

const page = new URL('../../examples/live.html', import.meta.url);

/** Pages to look at and to learn from; only where they were asked for. */
@ApiExcludeController()
@Controller('examples')
export class ExamplesController {
  constructor(private readonly config: Config) {}

  @Get('live.html')
  live(@Res() reply: FastifyReply): void {
    if (!this.config.examples) throw new RouteNotFoundError('Set EXAMPLES=true to have the example pages served');
    void reply.header('content-type', 'text/html; charset=utf-8').send(readFileSync(page, 'utf8'));
  }
}
