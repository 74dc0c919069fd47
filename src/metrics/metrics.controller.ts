import { Controller, Get, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Route } from '../http/route.js';
import { Metrics } from './metrics.js';

@ApiTags('service')
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Route({
    id: 'metrics',
    summary: 'Metrics for Prometheus, in its text format',
    answers: { 200: { says: 'The metrics', types: { 'text/plain': { type: 'string' } } } },
    ignores: ['query'],
  })
  async show(@Res() reply: FastifyReply) {
    void reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(await this.metrics.text());
  }
}
