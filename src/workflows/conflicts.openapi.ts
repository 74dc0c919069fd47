import { ApiTags } from '@nestjs/swagger';
import { object, operation, ref, type Schema } from '../http/openapi.js';

const TEXT: Schema = { type: 'string' };
const TIME: Schema = { type: 'string', format: 'date-time' };
const ID: Schema & { description: string } = { type: 'string', description: 'Workflow (thread) id' };
const N: Schema & { description: string } = { type: 'integer', minimum: 1, description: 'Number of the conflict' };

const RECORD: Readonly<Record<string, Schema>> = {
  n: { type: 'integer', minimum: 1 },
  is: { type: 'string', enum: ['state', 'delete'], description: 'What was acknowledged' },
  etag: { ...TEXT, nullable: true, description: 'As it was given out; null for a delete' },
  base: {
    type: 'object',
    description: 'What it was made on',
    required: ['kind'],
    properties: { kind: { type: 'string', enum: ['version', 'absent', 'unknown', 'detached'] }, etag: TEXT },
    additionalProperties: false,
  },
  reason: { ...TEXT, description: 'Why it could not become current: the code of the refusal' },
  by: TEXT,
  cause: TEXT,
  note: TEXT,
  taskId: TEXT,
  changed: { type: 'array', nullable: true, items: TEXT },
  writtenAt: { ...TIME, description: 'When it was acknowledged' },
  keptAt: TIME,
  keptUntil: { ...TIME, nullable: true, description: 'When the record ends; null is never' },
  expiresAt: { ...TIME, nullable: true, description: 'When the workflow would have ended' },
  tasks: {
    type: 'array',
    description: 'What the same commit would have enqueued; enqueued when it is resolved with detached',
    items: object({ id: TEXT, queue: TEXT }, ['id', 'queue']),
  },
};
const REQUIRED = Object.keys(RECORD).filter((name) => name !== 'note' && name !== 'taskId');

export const CONFLICT_SCHEMAS: Readonly<Record<string, Schema>> = {
  ConflictRecord: object(RECORD, REQUIRED),
  Conflict: object({ ...RECORD, state: ref('State') }, REQUIRED),
  ConflictPage: object(
    { items: { type: 'array', items: ref('ConflictRecord') }, nextBefore: { type: 'integer', nullable: true } },
    ['items', 'nextBefore'],
  ),
};

export const conflicts = () => ApiTags('conflicts');

export const listConflicts = () =>
  operation({
    id: 'listConflicts',
    summary: 'Writes that were acknowledged while Redis was away and met a newer state; newest first',
    path: { id: ID },
    query: {
      limit: { type: 'integer', minimum: 1, maximum: 1000, default: 50 },
      before: { type: 'integer', minimum: 1, description: 'Only conflicts below this number' },
    },
    answers: { 200: { says: 'A page; it may be shorter than its limit', schema: ref('ConflictPage') } },
    problems: [422],
  });

export const getConflict = () =>
  operation({
    id: 'getConflict',
    summary: 'One of them, with its state; a delete has none',
    path: { id: ID, n: N },
    answers: { 200: { says: 'The conflict', schema: ref('Conflict') } },
    problems: [404, 422],
  });

export const resolveConflict = () =>
  operation({
    id: 'resolveConflict',
    summary: 'Decide what the workflow shall be, and end the record, in one step',
    path: { id: ID, n: N },
    headers: ['If-Match', 'Idempotency-Key', 'Prefer', 'X-Waymark-Note'],
    body: {
      types: {
        'application/json': object(
          {
            use: { description: '"current": as it is; "detached": as it was acknowledged; else this state' },
            ttlSeconds: ref('TtlSeconds'),
          },
          ['use'],
        ),
      },
    },
    answers: {
      200: {
        says: 'Written',
        schema: ref('Workflow'),
        headers: ['ETag', 'Last-Modified', 'X-Expires-At', 'Idempotency-Replayed'],
      },
      204: { says: 'Nothing was to be written, or the workflow is deleted', headers: ['Idempotency-Replayed'] },
    },
    problems: [400, 404, 409, 412, 413, 415, 422],
  });
