import { readFileSync } from 'node:fs';
import { Controller, Get, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { PACKAGE } from '../folders.js';
import { Route } from '../http/route.js';

const document = new URL('docs/asyncapi.yaml', PACKAGE);

/** Serves the description of the WebSocket messages; tests check every frame against it. */
@ApiTags('feed')
@Controller()
export class AsyncApiController {
  #text: string | undefined;

  @Get('asyncapi.yaml')
  @Route({
    id: 'asyncapi',
    summary: 'The messages of the WebSocket, as an AsyncAPI 3 document',
    answers: { 200: { says: 'The document', types: { 'application/yaml': { type: 'string' } } } },
    ignores: ['query'],
  })
  async show(@Res() reply: FastifyReply) {
    this.#text ??= readFileSync(document, 'utf8');
    void reply.header('content-type', 'application/yaml; charset=utf-8').send(this.#text);
  }
}
