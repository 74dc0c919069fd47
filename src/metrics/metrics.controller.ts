import { Controller, Get, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { operation } from '../http/openapi.js';
import { Metrics } from './metrics.js';

@ApiTags('service')
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @operation({
    id: 'metrics',
    summary: 'Figures for Prometheus, in its text format',
    answers: { 200: { says: 'The figures', types: { 'text/plain': { type: 'string' } } } },
    problems: [],
  })
  @Get()
  async show(@Res() reply: FastifyReply): Promise<void> {
    void reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(await this.metrics.text());
  }
}
