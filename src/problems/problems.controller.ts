import { readFileSync } from 'node:fs';
import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PACKAGE } from '../folders.js';
import { RouteNotFoundError } from '../http/http-errors.js';
import { FromPath, Route } from '../http/route.js';
import { Text } from '../http/shapes/fields.js';
import { asHtml, asMarkdown, problemPages, type ProblemPage } from './problem-pages.js';

const document = new URL('docs/problems.md', PACKAGE);

class ProblemPath {
  @Text({
    pattern: /^[a-z-]{1,64}$/,
    says: 'must be the end of the `type` of a problem',
    example: 'version-conflict',
  })
  type!: string;
}

/** Explains the problems under their `type`, which is a path of this service. */
@ApiTags('service')
@Controller('problems')
export class ProblemsController {
  #pages: ReadonlyMap<string, ProblemPage> | undefined;

  @Get(':type')
  @Route({
    id: 'explainProblem',
    summary: 'What a problem means, and what to do',
    answers: {
      200: {
        says: 'The explanation',
        types: { 'text/markdown': { type: 'string' }, 'text/html': { type: 'string' } },
      },
    },
    problems: ['ROUTE_NOT_FOUND'],
    ignores: ['query'],
  })
  async show(@FromPath(ProblemPath) { type }: ProblemPath, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    this.#pages ??= problemPages(readFileSync(document, 'utf8'));
    const page = this.#pages.get(`/problems/${type}`);
    if (page === undefined) throw new RouteNotFoundError(`There is no problem ${type}`);
    const isBrowser = request.headers.accept?.includes('text/html') === true;
    void reply
      .header('vary', 'Accept')
      .header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
      .header('content-type', `text/${isBrowser ? 'html' : 'markdown'}; charset=utf-8`)
      .send(isBrowser ? asHtml(page) : asMarkdown(page));
  }
}
