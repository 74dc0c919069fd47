import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_CODES } from '../service-error.js';
import { PROBLEMS } from './problems.js';
import { describeRoutes } from './document.js';
import { ref } from './shapes/describe.js';
import type { Schema } from './shapes/field.js';

export type { Schema };

/** An object that has these properties and no others. */
export const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
  additionalProperties: false,
});

export { ref };

export interface Described {
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly path?: Readonly<Record<string, Schema & { readonly description?: string }>>;
  readonly query?: Readonly<Record<string, Schema & { readonly description?: string }>>;
  readonly headers?: readonly HeaderName[];
  readonly body?: { readonly required?: boolean; readonly types: Readonly<Record<string, Schema>> };
  /** By status: what it means, and the schema of its JSON body when it has one. */
  readonly answers: Readonly<
    Record<
      number,
      {
        readonly says: string;
        readonly schema?: Schema;
        readonly types?: Readonly<Record<string, Schema>>;
        readonly headers?: readonly string[];
      }
    >
  >;
  /** Statuses that come as problem documents. */
  readonly problems: readonly number[];
}

const HEADERS = {
  'If-Match': 'Only if the workflow carries one of these tags; * means it exists',
  'If-None-Match': 'On GET: answer 304 if it still carries this tag. On a write only *: create, never replace',
  'Idempotency-Key': 'Makes the request happen once; a repeat within 24 h gets the first answer again',
  Prefer:
    'return=minimal for an answer without body; wait=<seconds> (at most 60) with If-None-Match on GET waits for the next version',
  'Claim-Id': 'A claim that is repeated with it gets the same tasks and tokens while their leases live',
  'Last-Event-ID': 'The last event that was seen; the stream goes on behind it',
  'Waymark-Durability': 'replicated: answered when a replica has it, too, or 504 when none says so in time',
  'X-Waymark-Note': 'Kept with the version in the history; at most 200 characters',
} as const;

export type HeaderName = keyof typeof HEADERS;

const ANSWER_HEADERS: Readonly<Record<string, string>> = {
  ETag: 'Strong entity tag: incarnation and version',
  'Last-Modified': 'When this version was written',
  'X-Expires-At': 'When the workflow ends; absent when it never does',
  Location: 'Where the new workflow is',
  Link: 'The next page',
  'X-Next-Due-Ms': 'How long until something may become ready by itself',
  'Idempotency-Replayed': 'true when this is the answer of an earlier request with the same key',
};

/** One route as openapi.json shows it. The end-to-end tests hold every answer against this. */
export function operation(described: Described): MethodDecorator {
  const { id, summary, description, path = {}, query = {}, body, answers } = described;
  // Whatever can be made to happen once can be made to be confirmed.
  const isWrite = described.headers?.includes('Idempotency-Key') === true;
  const headers: readonly HeaderName[] = [
    ...(described.headers ?? []),
    ...(isWrite ? ['Waymark-Durability' as const] : []),
  ];
  const problems = [...new Set([...described.problems, ...(isWrite ? [422, 501, 504] : [])])];
  return applyDecorators(
    // ApiBody would lose the content: the library writes one of its own over it.
    ApiOperation({
      operationId: id,
      summary,
      ...(description !== undefined && { description }),
      ...(body !== undefined && { requestBody: { required: body.required ?? true, content: contentOf(body.types) } }),
    } as never),
    ...Object.entries(path).map(([name, { description, ...schema }]) =>
      ApiParam({ name, required: true, schema, ...(description !== undefined && { description }) } as never),
    ),
    ...Object.entries(query).map(([name, { description, ...schema }]) =>
      ApiQuery({ name, required: false, schema, ...(description !== undefined && { description }) } as never),
    ),
    ...headers.map((name) =>
      ApiHeader({ name, description: HEADERS[name], required: false, schema: { type: 'string' } }),
    ),
    ...Object.entries(answers).map(([status, { says, schema, types, headers: names = [] }]) =>
      ApiResponse({
        status: Number(status),
        description: says,
        headers: Object.fromEntries(
          ['X-Waymark-Storage', ...names].map((name) => [
            name,
            { description: ANSWER_HEADERS[name] ?? 'redis, memory or detached', schema: { type: 'string' } },
          ]),
        ),
        ...((types ?? schema) && { content: contentOf(types ?? { 'application/json': schema as Schema }) }),
      } as never),
    ),
    ...[...problems, 500, 503]
      .filter((status) => !(status in answers))
      .map((status) =>
        ApiResponse({
          status,
          description: codesOf(status),
          content: contentOf({ 'application/problem+json': ref('Problem') }),
        } as never),
      ),
  ) as MethodDecorator;
}

function contentOf(types: Readonly<Record<string, Schema>>) {
  return Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }]));
}

function codesOf(status: number): string {
  const codes = ERROR_CODES.filter((code) => PROBLEMS[code].status === status);
  if (status === 412) codes.push('ALREADY_EXISTS');
  return codes.join(', ');
}

/** Puts the named schemas into the document that the framework has made from the routes. */
export function withSchemas(document: OpenAPIObject, schemas: Readonly<Record<string, Schema>>): OpenAPIObject {
  document.components = { ...document.components, schemas: { ...schemas, Problem: PROBLEM } as never };
  describeRoutes(document);
  return document;
}

const PROBLEM: Schema = {
  type: 'object',
  description: 'RFC 9457 problem document; docs/problems.md explains every code',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  properties: {
    type: { type: 'string', example: '/problems/version-conflict' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The id of the request' },
    code: { type: 'string', enum: [...ERROR_CODES] },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'message'],
        properties: { pointer: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
  additionalProperties: true,
};
