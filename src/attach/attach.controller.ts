import { Controller, Get, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { RedisConfig } from '../config/config.js';
import { environmentOf } from '../config/env-file.js';
import { configWith } from '../config/config-with.js';
import { InvalidEnvironmentError } from '../config/invalid-environment.error.js';
import { InvalidBodyError } from '../http/http-errors.js';
import { answer, FromBody, Route } from '../http/route.js';
import { AttachReport, AttachRequest } from './attach.dto.js';
import { Attach } from './attach.js';

/** Moves a service in memory to a Redis without a restart. */
@ApiTags('moving state')
@Controller('v1/admin/attach')
export class AttachController {
  constructor(private readonly attach: Attach) {}

  @Post()
  @Route({
    id: 'attach',
    summary: 'Move a service that runs in memory to Redis while it serves',
    description:
      'For operators. Answers when that Redis was reached and checked; the move goes on in the background. If it ' +
      'fails, nothing has changed.',
    answers: { 202: { says: 'Begun', body: AttachReport, headers: ['Location'] } },
    problems: ['ATTACH_REFUSED'],
  })
  async start(@FromBody(AttachRequest) { redisUrl, onConflict }: AttachRequest) {
    const report = await this.attach.start(redisConfigOf(redisUrl), onConflict);
    return answer(202, report, { headers: { location: '/v1/admin/attach' } });
  }

  @Get()
  @Route({
    id: 'getAttach',
    summary: 'Progress of a move to Redis',
    description: 'For operators.',
    answers: { 200: { says: 'The progress', body: AttachReport } },
  })
  async get() {
    return answer(200, this.attach.status);
  }
}

/** Settings of the new Redis: the given URL, and all others from the environment. @throws InvalidBodyError */
function redisConfigOf(redisUrl: string): RedisConfig {
  try {
    return configWith(environmentOf(process.env), { REDIS_URL: redisUrl, USE_REDIS: 'true' }).redis as RedisConfig;
  } catch (error) {
    if (!(error instanceof InvalidEnvironmentError)) throw error;
    throw new InvalidBodyError([{ pointer: '/redisUrl', message: error.message }]);
  }
}
