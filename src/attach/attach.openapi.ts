import { ApiTags } from '@nestjs/swagger';
import { ON_CONFLICT } from '../engine/moving/arrival.js';
import { object, operation, ref, type Schema } from '../http/openapi.js';

const COUNT: Schema = { type: 'integer', minimum: 0 };
const TIME: Schema = { type: 'string', format: 'date-time', nullable: true };

export const ATTACH_SCHEMAS: Readonly<Record<string, Schema>> = {
  Attach: object(
    {
      phase: {
        type: 'string',
        enum: ['idle', 'connecting', 'copying', 'catching-up', 'verifying', 'handing-over', 'done', 'failed'],
      },
      redis: { type: 'string', nullable: true, description: 'Where to' },
      startedAt: TIME,
      endedAt: TIME,
      created: COUNT,
      updated: COUNT,
      same: COUNT,
      kept: COUNT,
      heldUpMs: { type: 'integer', nullable: true, description: 'How long requests had to wait at the end' },
      error: { type: 'string', nullable: true, description: 'Why it failed; then nothing has changed' },
    },
    ['phase', 'redis', 'startedAt', 'endedAt', 'created', 'updated', 'same', 'kept', 'heldUpMs', 'error'],
  ),
};

export const attaching = () => ApiTags('moving state');

export const attach = () =>
  operation({
    id: 'attach',
    summary: 'Move a service that runs in memory to Redis while it serves',
    description:
      'For administrators. Answers when that Redis has been found to be there and fit; the rest goes on by itself. If anything fails, nothing has changed.',
    body: {
      types: {
        'application/json': object(
          { redisUrl: { type: 'string' }, onConflict: { type: 'string', enum: [...ON_CONFLICT] } },
          ['redisUrl'],
        ),
      },
    },
    answers: { 202: { says: 'Begun', schema: ref('Attach') } },
    problems: [400, 403, 409, 413, 415, 422],
  });

export const getAttach = () =>
  operation({
    id: 'getAttach',
    summary: 'How far a move to Redis is',
    description: 'For administrators.',
    answers: { 200: { says: 'As it is now', schema: ref('Attach') } },
    problems: [403, 422],
  });
