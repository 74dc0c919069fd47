import { readFileSync } from 'node:fs';
import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import * as describe from './feed.openapi.js';

const document = new URL('../../docs/asyncapi.yaml', import.meta.url);

/** Serves the description of the WebSocket messages; tests check every frame against it. */
@describe.feed()
@Controller()
export class AsyncApiController {
  #text: string | undefined;

  @describe.asyncapi()
  @Get('asyncapi.yaml')
  show(@Res() reply: FastifyReply): void {
    this.#text ??= readFileSync(document, 'utf8');
    void reply.header('content-type', 'application/yaml; charset=utf-8').send(this.#text);
  }
}
