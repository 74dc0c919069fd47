import { ApiTags, type OpenAPIObject } from '@nestjs/swagger';
import { object, operation, ref, type Described, type HeaderName, type Schema } from '../http/openapi.js';

const ID: Schema & { description: string } = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description: 'Workflow (thread) id: A-Z a-z 0-9 . _ : - @ ~ +, not starting with a dot',
};
const WRITE: readonly HeaderName[] = ['If-Match', 'If-None-Match', 'Idempotency-Key', 'Prefer', 'X-Waymark-Note'];
const CHANGE: readonly HeaderName[] = ['If-Match', 'Idempotency-Key', 'Prefer', 'X-Waymark-Note'];
const READ: readonly HeaderName[] = ['If-Match', 'If-None-Match', 'Prefer'];
const TAGGED = ['ETag', 'Last-Modified', 'X-Expires-At'];
const WRITTEN = [...TAGGED, 'Idempotency-Replayed'];
const TTL_QUERY = {
  ttlSeconds: { type: 'string', description: 'An integer from 1, null or keep; absent: the policy' },
};
const CANCEL_QUERY = {
  tasks: { type: 'string', enum: ['cancel'], description: 'Cancels its open tasks in the same step' },
} as const;
const VERSION: Schema & { description: string } = { type: 'integer', minimum: 1, description: 'Version number' };

const FILTERS = {
  idPrefix: { type: 'string', description: 'Ids that start like this' },
  updatedAfter: { type: 'string', format: 'date-time', description: 'Written later than this' },
  updatedBefore: { type: 'string', format: 'date-time', description: 'Written earlier than this' },
} as const;

const workflow = (says: string, headers: readonly string[] = WRITTEN) => ({ says, schema: ref('Workflow'), headers });
const empty = (says: string, headers: readonly string[] = WRITTEN) => ({ says, headers });
const json = (schema: Schema) => ({ types: { 'application/json': schema } });
export const workflows = () => ApiTags('workflows');
export const documents = () => ApiTags('document operations');
export const history = () => ApiTags('history');

export const create = () =>
  operation({
    id: 'createWorkflow',
    summary: 'Create a workflow; without an id the service makes one (UUIDv7)',
    headers: ['Idempotency-Key', 'Prefer', 'X-Waymark-Note'],
    body: json(object({ id: { type: 'string' }, state: ref('State'), ttlSeconds: ref('TtlSeconds') }, ['state'])),
    answers: { 201: workflow('Created', [...WRITTEN, 'Location']) },
    problems: [400, 409, 413, 415, 422],
  });

export const put = () =>
  operation({
    id: 'putWorkflow',
    summary: 'Create or replace a workflow',
    path: { id: ID },
    headers: WRITE,
    body: json(object({ state: ref('State'), ttlSeconds: ref('TtlSeconds') }, ['state'])),
    answers: { 200: workflow('Replaced'), 201: workflow('Created'), 204: empty('Done, with return=minimal') },
    problems: [400, 409, 412, 413, 415, 422],
  });

export const get = () =>
  operation({
    id: 'getWorkflow',
    summary: 'Read a workflow, or wait for its next version',
    path: { id: ID },
    headers: READ,
    answers: { 200: workflow('The workflow', TAGGED), 304: empty('Still the version you have', TAGGED) },
    problems: [400, 404, 412, 422],
  });

export const remove = () =>
  operation({
    id: 'deleteWorkflow',
    summary: 'Delete a workflow with its history',
    path: { id: ID },
    query: CANCEL_QUERY,
    headers: ['If-Match', 'Idempotency-Key'],
    answers: { 204: empty('Deleted', ['Idempotency-Replayed']) },
    problems: [400, 404, 409, 412, 422],
  });

export const getState = () =>
  operation({
    id: 'getState',
    summary: 'Read the state alone, exactly as it was written',
    path: { id: ID },
    headers: READ,
    answers: {
      200: { says: 'The state', schema: ref('State'), headers: TAGGED },
      304: empty('Still the version you have', TAGGED),
    },
    problems: [400, 404, 412, 422],
  });

export const putState = () =>
  operation({
    id: 'putState',
    summary: 'Create or replace a workflow by its state alone',
    path: { id: ID },
    query: TTL_QUERY,
    headers: WRITE,
    body: { types: { 'application/json': ref('State'), 'application/x-www-form-urlencoded': ref('State') } },
    answers: {
      200: { says: 'Replaced', schema: ref('State'), headers: WRITTEN },
      201: { says: 'Created', schema: ref('State'), headers: WRITTEN },
      204: empty('Done, with return=minimal'),
    },
    problems: [400, 409, 412, 413, 415, 422],
  });

export const patchState = () =>
  operation({
    id: 'patchState',
    summary: 'Change parts of the state; lands against any number of concurrent writers',
    path: { id: ID },
    query: TTL_QUERY,
    headers: CHANGE,
    body: { types: { 'application/merge-patch+json': {}, 'application/json-patch+json': ref('JsonPatch') } },
    answers: { 200: workflow('Changed'), 204: empty('Done, with return=minimal') },
    problems: [400, 404, 409, 412, 413, 415, 422],
  });

export const touch = () =>
  operation({
    id: 'touchWorkflow',
    summary: 'Move the deadline; the version stays',
    path: { id: ID },
    headers: ['If-Match', 'Idempotency-Key'],
    body: { required: false, ...json(object({ ttlSeconds: ref('TtlSeconds') })) },
    answers: { 204: empty('Moved') },
    problems: [400, 404, 409, 412, 415, 422],
  });

export const list = () =>
  operation({
    id: 'listWorkflows',
    summary: 'List workflows, by any of the indexed fields',
    query: {
      ...FILTERS,
      limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
      cursor: { type: 'string', description: 'nextCursor of the page before' },
      sort: { type: 'string', enum: ['updatedAt', '-updatedAt', 'createdAt', '-createdAt'], default: '-updatedAt' },
      include: {
        type: 'string',
        enum: ['state'],
        description: 'With the states; a page may then be shorter than its limit',
      },
    },
    answers: { 200: { says: 'A page', schema: ref('WorkflowPage'), headers: ['Link'] } },
    problems: [400, 422],
  });

export const count = () =>
  operation({
    id: 'countWorkflows',
    summary: 'Count workflows',
    query: FILTERS,
    answers: { 200: { says: 'How many', schema: object({ count: { type: 'integer', minimum: 0 } }, ['count']) } },
    problems: [422],
  });

export const batchGet = () =>
  operation({
    id: 'batchGetWorkflows',
    summary: 'Read up to 100 workflows at once, in order',
    body: json(
      object(
        {
          ids: { type: 'array', maxItems: 100, items: { type: 'string' } },
          include: {
            description: '"state" (the default) or "none"',
            oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
          },
        },
        ['ids'],
      ),
    ),
    answers: { 200: { says: 'One entry for each id', schema: ref('WorkflowBatch') } },
    problems: [400, 415, 422],
  });

/** Document operations differ in path, body and summary; all else is the same. */
function documentOperation(
  described: Pick<Described, 'id' | 'summary' | 'description' | 'body'> & Partial<Pick<Described, 'path' | 'query'>>,
): MethodDecorator {
  return operation({
    ...described,
    path: { id: ID, ...described.path },
    query: { ...TTL_QUERY, ...described.query },
    headers: CHANGE,
    answers: { 200: workflow('Changed'), 204: empty('Done, with return=minimal') },
    problems: [400, 404, 409, 412, 413, 415, 422],
  });
}

export const setStatus = () =>
  documentOperation({
    id: 'setStatus',
    summary: 'Set state.status, optionally only from certain statuses',
    query: CANCEL_QUERY,
    body: json(
      object(
        {
          status: { type: 'string' },
          error_message: { type: 'string', nullable: true },
          from: { type: 'array', minItems: 1, items: { type: 'string' } },
        },
        ['status'],
      ),
    ),
  });

export const mergeSection = () =>
  documentOperation({
    id: 'mergeSection',
    summary: 'Merge fields into the section with this id or section_id; stamps its updated_at',
    path: { sectionId: { type: 'string' } },
    body: { types: { 'application/json': { type: 'object' }, 'application/merge-patch+json': { type: 'object' } } },
  });

export const appendLog = () =>
  documentOperation({
    id: 'appendLog',
    summary: 'Append to state.logs, which keeps the newest 100; stamps timestamp when it is absent',
    body: json({ type: 'object' }),
  });

export const appendExhibit = () =>
  documentOperation({
    id: 'appendExhibit',
    summary: 'Append to state.exhibits; stamps uploaded_at',
    body: json({ type: 'object' }),
  });

export const listVersions = () =>
  operation({
    id: 'listVersions',
    summary: 'The versions that are kept, newest first',
    path: { id: ID },
    query: {
      limit: { type: 'integer', minimum: 1, maximum: 1000, default: 50 },
      before: { type: 'integer', minimum: 1, description: 'Only versions below this one' },
      include: { type: 'string', enum: ['state'] },
    },
    answers: { 200: { says: 'A page', schema: ref('VersionPage') } },
    problems: [404, 422],
  });

export const getVersion = () =>
  operation({
    id: 'getVersion',
    summary: 'The workflow as it was at a version',
    path: { id: ID, version: VERSION },
    answers: { 200: workflow('As it was', TAGGED) },
    problems: [404, 410, 422],
  });

export const diff = () =>
  operation({
    id: 'diffVersions',
    summary: 'What changed between two versions, as a JSON Patch',
    path: { id: ID, from: VERSION, to: VERSION },
    answers: { 200: { says: 'The patch', schema: ref('Diff') } },
    problems: [404, 410, 422],
  });

export const restore = () =>
  operation({
    id: 'restoreVersion',
    summary: 'Write the state of an earlier version as a new one',
    path: { id: ID },
    headers: CHANGE,
    body: json(object({ version: { type: 'integer', minimum: 1 } }, ['version'])),
    answers: { 200: workflow('Restored'), 204: empty('Done, with return=minimal') },
    problems: [400, 404, 409, 410, 412, 415, 422],
  });

export const fork = () =>
  operation({
    id: 'forkWorkflow',
    summary: 'Start a new workflow from the state of this one, as it is or as it was',
    path: { id: ID },
    headers: ['Idempotency-Key', 'Prefer', 'X-Waymark-Note'],
    body: { required: false, ...json(object({ id: { type: 'string' }, version: { type: 'integer', minimum: 1 } })) },
    answers: { 201: workflow('Forked', [...WRITTEN, 'Location']) },
    problems: [400, 404, 409, 410, 415, 422],
  });

/** Adds a query parameter for each indexed field; which ones there are is configuration, so no decorator can know. */
export function withIndexedFields(document: OpenAPIObject, fields: readonly string[]): OpenAPIObject {
  const parameters = fields.map((name) => ({
    name,
    in: 'query' as const,
    required: false,
    description: `Workflows whose indexed field ${name} is this; several fields must all match`,
    schema: { type: 'string' },
  }));
  for (const path of ['/v1/workflows', '/v1/workflows/count']) {
    const route = document.paths[path]?.get;
    if (route !== undefined) route.parameters = [...(route.parameters ?? []), ...parameters];
  }
  return document;
}
