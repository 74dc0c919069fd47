import { ApiTags } from '@nestjs/swagger';
import { object, operation, ref, type Schema } from '../http/openapi.js';

const TEXT: Schema = { type: 'string' };
const NAME = { ...TEXT, description: 'Channel: 1 to 128 characters of A-Z a-z 0-9 . _ : - @ ~ +' };

export const FEED_SCHEMAS: Readonly<Record<string, Schema>> = {
  Event: {
    description: 'Something that happened. `channel` is there for published messages, `taskId` for tasks',
    anyOf: [
      object({ id: TEXT, type: TEXT, at: { ...TEXT, format: 'date-time' }, channel: TEXT, payload: {} }, [
        'id',
        'type',
        'at',
        'channel',
        'payload',
      ]),
      object(
        {
          id: TEXT,
          type: {
            ...TEXT,
            enum: ['created', 'updated', 'restored', 'deleted', 'expired', 'adopted', 'conflict'].map(
              (what) => `workflow.${what}`,
            ),
          },
          at: { ...TEXT, format: 'date-time' },
          workflowId: TEXT,
          version: { type: 'integer', description: 'Absent when the workflow ended by time' },
          etag: TEXT,
        },
        ['id', 'type', 'at', 'workflowId'],
      ),
      object(
        {
          id: TEXT,
          type: { ...TEXT, pattern: '^task\\.' },
          at: { ...TEXT, format: 'date-time' },
          taskId: TEXT,
          queue: TEXT,
          workflowId: TEXT,
        },
        ['id', 'type', 'at', 'taskId', 'queue'],
      ),
    ],
  },
  Events: object(
    {
      events: { type: 'array', items: ref('Event') },
      next: { ...TEXT, description: 'Pass it as since to go on from here' },
    },
    ['events', 'next'],
  ),
};

const SINCE = { ...TEXT, description: 'What comes behind this event; 0 for all that are kept; else what happens now' };
const WAIT = {
  type: 'integer',
  minimum: 0,
  maximum: 60,
  description: 'An answer in JSON: at once when something has happened, else after so many seconds at the latest',
};
const LIMIT = { type: 'integer', minimum: 1, maximum: 1000, description: 'Of one JSON answer; 100 by default' };
const TYPE = { ...TEXT, description: 'One type, or all that begin alike: workflow.*' };
const ANSWERS = {
  200: {
    says: 'Server-Sent Events, each an Event as JSON; or, with wait or Accept: application/json, one answer',
    types: { 'text/event-stream': TEXT, 'application/json': ref('Events') },
  },
};
const PROBLEMS = [410, 422, 429];

export const feed = () => ApiTags('feed');

export const events = () =>
  operation({
    id: 'readEvents',
    summary: 'What happens to workflows and tasks, and messages, as it happens',
    description:
      'In one order for all. A stream begins with `event: reset` when events may have been missed, and is cut with `event: resync` when its reader is too slow.',
    query: {
      since: SINCE,
      wait: WAIT,
      limit: LIMIT,
      workflow: { ...TEXT, description: 'Of this workflow and its tasks' },
      idPrefix: { ...TEXT, description: 'Of workflows whose id begins so' },
      type: TYPE,
      channel: { ...TEXT, description: 'Messages of this channel' },
    },
    headers: ['Last-Event-ID'],
    answers: ANSWERS,
    problems: PROBLEMS,
  });

export const workflowEvents = () =>
  operation({
    id: 'readWorkflowEvents',
    summary: 'What happens to one workflow and its tasks; it need not exist yet',
    path: { id: TEXT },
    query: { since: SINCE, wait: WAIT, limit: LIMIT, type: TYPE },
    headers: ['Last-Event-ID'],
    answers: ANSWERS,
    problems: PROBLEMS,
  });

export const asyncapi = () =>
  operation({
    id: 'asyncapi',
    summary: 'The messages of the WebSocket, as an AsyncAPI 3 document',
    answers: { 200: { says: 'The document', types: { 'application/yaml': { type: 'string' } } } },
    problems: [],
  });

export const publish = () =>
  operation({
    id: 'publishMessage',
    summary: 'A message to everybody who follows the channel',
    path: { channel: NAME },
    headers: ['Idempotency-Key'],
    body: {
      types: {
        'application/json': object(
          { type: { ...TEXT, minLength: 1, maxLength: 128 }, payload: { description: 'Any JSON, at most 64 KiB' } },
          ['type'],
        ),
      },
    },
    answers: {
      202: {
        says: 'It is in the feed',
        schema: object({ eventId: TEXT }, ['eventId']),
        headers: ['Idempotency-Replayed'],
      },
    },
    problems: [400, 409, 413, 415, 422],
  });
