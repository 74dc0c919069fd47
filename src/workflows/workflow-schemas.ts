import { ref, type Schema } from '../http/openapi.js';

const TIME: Schema = { type: 'string', format: 'date-time' };
const META: Readonly<Record<string, Schema>> = {
  id: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[A-Za-z0-9_:\\-@~+][A-Za-z0-9._:\\-@~+]{0,199}$' },
  version: { type: 'integer', minimum: 1 },
  etag: { type: 'string', description: 'As the ETag header has it, quotes included' },
  createdAt: TIME,
  updatedAt: TIME,
  expiresAt: { ...TIME, nullable: true },
};
const META_NAMES = Object.keys(META);

/** Any JSON value: `{}` says that there is nothing to check. */
const STATE: Schema = { description: 'Any JSON value; kept as the text it was sent as' };

/** The schemas that the routes of workflows name. */
export const WORKFLOW_SCHEMAS: Readonly<Record<string, Schema>> = {
  State: STATE,
  TtlSeconds: {
    nullable: true,
    description:
      'Seconds to live from now on; null: never expires; "keep": the deadline of today; absent: the policy, 24 hours',
    oneOf: [
      { type: 'integer', minimum: 1, maximum: 3_153_600_000 },
      { type: 'string', enum: ['keep'] },
    ],
  },
  WorkflowMeta: { type: 'object', required: META_NAMES, properties: META, additionalProperties: false },
  Workflow: {
    type: 'object',
    required: [...META_NAMES, 'state'],
    properties: {
      ...META,
      state: ref('State'),
      forkedFrom: {
        type: 'object',
        required: ['id', 'version'],
        properties: { id: { type: 'string' }, version: { type: 'integer' } },
        additionalProperties: false,
      },
    },
    additionalProperties: false,
  },
  WorkflowPage: {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: {
      items: { type: 'array', items: { anyOf: [ref('Workflow'), ref('WorkflowMeta')] } },
      nextCursor: { type: 'string', nullable: true },
    },
    additionalProperties: false,
  },
  WorkflowBatch: {
    type: 'object',
    required: ['items'],
    properties: {
      items: { type: 'array', items: { anyOf: [ref('Workflow'), ref('WorkflowMeta'), ref('MissingWorkflow')] } },
    },
    additionalProperties: false,
  },
  MissingWorkflow: {
    type: 'object',
    required: ['id', 'missing'],
    properties: { id: { type: 'string' }, missing: { type: 'boolean', enum: [true] } },
    additionalProperties: false,
  },
  Version: {
    type: 'object',
    required: ['version', 'etag', 'updatedAt', 'by', 'cause', 'bytes', 'changed'],
    properties: {
      version: { type: 'integer', minimum: 1 },
      etag: { type: 'string' },
      updatedAt: TIME,
      by: { type: 'string', description: 'Who wrote it' },
      cause: {
        type: 'string',
        enum: ['put', 'patch', 'status', 'section', 'log', 'exhibit', 'commit', 'restore', 'fork', 'import', 'adopt'],
      },
      note: { type: 'string', maxLength: 200 },
      taskId: { type: 'string' },
      bytes: { type: 'integer', minimum: 0 },
      changed: {
        type: 'array',
        nullable: true,
        items: { type: 'string' },
        maxItems: 20,
        description: 'JSON Pointers that the write changed, where it knows them',
      },
      state: ref('State'),
    },
    additionalProperties: false,
  },
  VersionPage: {
    type: 'object',
    required: ['items', 'nextBefore'],
    properties: {
      items: { type: 'array', items: ref('Version') },
      nextBefore: { type: 'integer', nullable: true },
    },
    additionalProperties: false,
  },
  JsonPatch: {
    type: 'array',
    items: {
      type: 'object',
      required: ['op', 'path'],
      properties: {
        op: { type: 'string', enum: ['add', 'remove', 'replace', 'move', 'copy', 'test'] },
        path: { type: 'string' },
        from: { type: 'string' },
        value: {},
      },
    },
  },
  Diff: {
    type: 'object',
    required: ['from', 'to', 'truncated', 'patch'],
    properties: {
      from: { type: 'integer' },
      to: { type: 'integer' },
      truncated: {
        type: 'boolean',
        description: 'true: the differences were too many, the patch replaces the whole document',
      },
      patch: ref('JsonPatch'),
    },
    additionalProperties: false,
  },
};
