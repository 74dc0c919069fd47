import { Controller, Get, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RedisConfig } from '../config/config.js';
import { environmentOf } from '../config/env-file.js';
import { configWith } from '../config/config-with.js';
import { InvalidEnvironmentError } from '../config/invalid-environment.error.js';
import { ON_CONFLICT, type OnConflict } from '../engine/moving/arrival.js';
import { AdminGuard } from '../http/admin.guard.js';
import { jsonTextOf, readObject } from '../http/body.js';
import { InvalidBodyError } from '../http/http-errors.js';
import { refuseKey } from '../http/idempotency.js';
import { refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { isoTime } from '../http/times.js';
import { Attach, type AttachStatus } from './attach.js';
import * as describe from './attach.openapi.js';

/** A service in memory gets a Redis, without a restart. */
@describe.attaching()
@Controller('v1/admin/attach')
@UseGuards(AdminGuard)
export class AttachController {
  constructor(private readonly attach: Attach) {}

  @describe.attach()
  @Post()
  @HttpCode(202)
  async start(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseKey(request);
    refuseQuery(request);
    const { redisUrl, onConflict = 'fail' } = readObject<{ redisUrl: string; onConflict?: OnConflict }>(
      jsonTextOf(request),
      {
        redisUrl: {
          accepts: (value): value is string => typeof value === 'string' && /^rediss?:\/\//.test(value),
          says: 'must be a redis:// or rediss:// URL',
          required: true,
        },
        onConflict: {
          accepts: (value): value is OnConflict => ON_CONFLICT.includes(value as OnConflict),
          says: `must be ${ON_CONFLICT.join(', ')}`,
        },
      },
    );
    const status = await this.attach.start(redisConfigOf(redisUrl), onConflict);
    sendJson(reply.header('location', '/v1/admin/attach'), 202, textOf(status));
  }

  @describe.getAttach()
  @Get()
  get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    refuseQuery(request);
    sendJson(reply, 200, textOf(this.attach.status));
  }
}

/** Everything else about Redis as the environment has it. @throws InvalidBodyError */
function redisConfigOf(redisUrl: string): RedisConfig {
  try {
    return configWith(environmentOf(process.env), { REDIS_URL: redisUrl, USE_REDIS: 'true' }).redis as RedisConfig;
  } catch (error) {
    if (!(error instanceof InvalidEnvironmentError)) throw error;
    throw new InvalidBodyError([{ pointer: '/redisUrl', message: error.message }]);
  }
}

function textOf({ startedAtMs, endedAtMs, ...status }: AttachStatus): string {
  const timeOf = (ms: number | null) => (ms === null ? null : isoTime(ms));
  return JSON.stringify({ ...status, startedAt: timeOf(startedAtMs), endedAt: timeOf(endedAtMs) });
}
