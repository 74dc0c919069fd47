import { ApiTags } from '@nestjs/swagger';
import { LINES_TYPE } from '../http/body.js';
import { object, operation, ref, type Schema } from '../http/openapi.js';
import { ON_CONFLICT } from '../engine/moving/arrival.js';
import { VIEWS } from './export-stream.js';

const TEXT: Schema = { type: 'string' };
const COUNT: Schema = { type: 'integer', minimum: 0 };
const LINES = { [LINES_TYPE]: { type: 'string', description: 'One JSON object in each line; docs/migration.md' } };

export const MIGRATION_SCHEMAS: Readonly<Record<string, Schema>> = {
  MovedRecord: {
    type: 'object',
    nullable: true,
    description: 'A workflow, task or queue exactly as it is stored; docs/migration.md',
    required: ['kind', 'id', 'tenant'],
    properties: { kind: { type: 'string', enum: ['queue', 'workflow', 'task'] }, id: TEXT, tenant: TEXT },
    additionalProperties: true,
  },
  ImportReport: object(
    {
      counts: object(
        { created: COUNT, updated: COUNT, same: COUNT, kept: COUNT, conflict: COUNT, expired: COUNT, removed: COUNT },
        ['created', 'updated', 'same', 'kept', 'conflict', 'expired', 'removed'],
      ),
      lines: COUNT,
      isComplete: { type: 'boolean', description: 'The stream ended as it said it would' },
      problems: {
        type: 'array',
        description: 'The first hundred',
        items: object({ line: { type: 'integer', minimum: 1 }, message: TEXT }, ['line', 'message']),
      },
      problemCount: COUNT,
      outcomes: { type: 'array', items: TEXT, description: 'With report=each: what became of each record, in order' },
    },
    ['counts', 'lines', 'isComplete', 'problems', 'problemCount'],
  ),
};

export const migration = () => ApiTags('moving state');

export const exportAll = () =>
  operation({
    id: 'exportAll',
    summary: 'All state as lines: a header, queues, workflows and tasks, and an end line with their counts',
    description:
      'For administrators. A stream without an end line was cut. What is there throughout is in it; what is written meanwhile may be.',
    query: {
      view: { type: 'string', enum: [...VIEWS], description: 'Whole records, or only their stamps or digests' },
      kinds: {
        type: 'string',
        description: 'Some of queue, workflow, task, separated by commas; all of them by default',
      },
      tenant: { type: 'string', description: 'Only this one' },
      since: { type: 'string', format: 'date-time', description: 'Only workflows that were written later' },
      after: { type: 'string', description: 'Only workflows behind this id; with tenant' },
      limit: {
        type: 'integer',
        minimum: 1,
        description: 'At most so many workflows; next of the end line is the next after',
      },
    },
    answers: { 200: { says: 'The lines', types: LINES } },
    problems: [400, 403, 422],
  });

export const exportRecords = () =>
  operation({
    id: 'exportRecords',
    summary: 'Some records as they are stored; null for those that are not there',
    description: 'For administrators.',
    body: {
      types: {
        'application/json': object(
          {
            tenant: TEXT,
            kind: { type: 'string', enum: ['queue', 'workflow', 'task'] },
            ids: { type: 'array', maxItems: 50, items: TEXT },
          },
          ['kind', 'ids'],
        ),
      },
    },
    answers: {
      200: {
        says: 'In the order of the ids',
        schema: object({ items: { type: 'array', items: ref('MovedRecord') } }, ['items']),
      },
    },
    problems: [400, 403, 413, 415, 422],
  });

export const importRecords = () =>
  operation({
    id: 'importRecords',
    summary: 'Lines of an export into this store, exactly as they are',
    description:
      'For administrators. Each record arrives whole or not at all, and a second time does nothing. A line that is wrong is told by its number and does not hold up the others.',
    query: {
      onConflict: {
        type: 'string',
        enum: [...ON_CONFLICT],
        description:
          'When something else is there under the id: skip keeps it, newer lets the later one win, fail (the default) keeps it and tells',
      },
      dryRun: { type: 'string', enum: ['true', 'false'], description: 'Only say what would happen' },
      report: { type: 'string', enum: ['counts', 'each'], description: 'Whether each record is told' },
    },
    body: { types: LINES },
    answers: { 200: { says: 'What became of them', schema: ref('ImportReport') } },
    problems: [400, 403, 413, 415, 422],
  });
