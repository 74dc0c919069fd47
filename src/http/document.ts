import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { ERROR_CODES, type ErrorCode } from '../service-error.js';
import { VERSION } from '../version.js';
import { ANSWER_HEADERS, REQUEST_HEADERS, type AnswerHeader, type RequestHeader } from './document-headers.js';
import { PROBLEMS } from './problems.js';
import { describedRoutes, type AnswerGiven, type BodyGiven, type Described, type Source } from './route.js';
import { componentsOf, exampleOf, exampleOfField, fieldSchema, ref } from './shapes/describe.js';
import { fieldsOf, type Schema, type Shape } from './shapes/field.js';

type Operation = Record<string, unknown> & { operationId: string };

/** The document of all routes. */
export function createDocument(app: NestFastifyApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setOpenAPIVersion('3.1.1')
    .setTitle('Waymark')
    .setDescription('Durable state for workflows. Errors are problem documents (RFC 9457) with a stable `code`.')
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/')
    .build();
  const document = SwaggerModule.createDocument(app, about);
  document.security = [];
  describeRoutes(document);
  return document;
}

/** Serves /openapi.json and, with `pages`, /docs. Other sites cannot frame these pages. */
export function serveDocument(app: NestFastifyApplication, document: OpenAPIObject, pages: boolean): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.addHook('onRoute', (route) => {
    if (!/^\/docs(\/|$)/.test(route.url)) return;
    const before = route.onRequest ?? [];
    route.onRequest = [
      ...(Array.isArray(before) ? before : [before]),
      (_request, reply, done) => {
        reply.header('content-security-policy', "frame-ancestors 'none'").header('x-frame-options', 'DENY');
        done();
      },
    ];
  });
  SwaggerModule.setup('docs', app, document, {
    ui: pages,
    raw: ['json'],
    jsonDocumentUrl: 'openapi.json',
    customSiteTitle: 'Waymark API',
    customCss: '.swagger-ui .topbar { display: none }',
    swaggerOptions: { tryItOutEnabled: true },
  });
}

/** Describes the operations declared with `@Route`, and their classes. */
function describeRoutes(document: OpenAPIObject): void {
  const shapes = new Set<Shape>();
  for (const methods of Object.values(document.paths) as unknown as Record<string, Operation>[]) {
    for (const [method, operation] of Object.entries(methods)) {
      const route = describedRoutes.get(operation.operationId);
      if (route === undefined) continue;
      Object.assign(operation, describe(route, method !== 'get'));
      for (const shape of shapesOf(route)) shapes.add(shape);
    }
  }
  document.components = { ...document.components, schemas: { ...componentsOf(shapes), Problem: PROBLEM } as never };
}

/** Operation in the document. The end-to-end tests check every request and answer against it. */
function describe(route: Described, isWrite: boolean): object {
  const { options, inputs } = route;
  const { summary, description, answers } = options;
  const body = bodyOf(route);
  return {
    summary,
    ...(description !== undefined && { description }),
    parameters: [
      ...inputs.flatMap(parametersOf),
      ...parametersOf({ source: 'query', shape: options.query }),
      ...requestHeadersOf(route).map((name) => ({ name, in: 'header', required: false, ...REQUEST_HEADERS[name] })),
    ],
    ...(body !== undefined && { requestBody: body }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, given]) => [status, answerOf(given)])),
      ...problemsOf(route, isWrite),
    },
  };
}

function requestHeadersOf({ options: { headers = [], once = false } }: Described): readonly RequestHeader[] {
  return once ? [...headers, 'Idempotency-Key', 'Waymark-Durability'] : headers;
}

const PLACES: Readonly<Record<string, string>> = { path: 'path', query: 'query', headers: 'header' };

function parametersOf({
  source,
  shape,
}: {
  readonly source: Source;
  readonly shape?: Shape | undefined;
}): readonly object[] {
  const place = PLACES[source];
  if (place === undefined || shape === undefined) return [];
  return fieldsOf(shape).map((field) => {
    const { description, examples, ...schema } = fieldSchema(field) as Record<string, unknown>;
    const hasExample = field.isRequired || examples !== undefined;
    return {
      name: field.name,
      in: place,
      required: field.isRequired,
      ...(description !== undefined && { description }),
      ...(hasExample && { example: exampleOfField(shape, field) }),
      schema,
    };
  });
}

function bodyOf({ options, inputs }: Described): object | undefined {
  const read = inputs.find(({ source }) => source === 'body');
  if (read?.shape !== undefined) {
    const { shape, example = exampleOf(shape), isOptional = false } = read;
    return { required: !isOptional, content: contentOf({ 'application/json': { schema: shape, example } }) };
  }
  if (options.body === undefined) return undefined;
  const { required = true, types } = options.body;
  return { required, content: contentOf(types) };
}

function contentOf(types: Readonly<Record<string, BodyGiven>>): object {
  return Object.fromEntries(
    Object.entries(types).map(([type, { schema, example }]) => [type, { schema: schemaOf(schema), example }]),
  );
}

function answerOf({ says, raw, body, types, headers = [] }: AnswerGiven): object {
  const json = body ?? raw;
  const content: Readonly<Record<string, Shape | Schema>> =
    types ?? (json === undefined ? {} : { 'application/json': json });
  return {
    description: says,
    headers: answerHeaders(headers),
    ...(Object.keys(content).length > 0 && {
      content: Object.fromEntries(
        Object.entries(content).map(([type, schema]) => [type, { schema: schemaOf(schema) }]),
      ),
    }),
  };
}

function answerHeaders(names: readonly AnswerHeader[]): object {
  return Object.fromEntries(
    (['X-Request-Id', 'X-Waymark-Storage', ...names] as const).map((name) => [name, ANSWER_HEADERS[name]]),
  );
}

function schemaOf(given: BodyGiven['schema']): Schema {
  if (isList(given)) return { anyOf: given.map(({ name }) => ref(name)) };
  return typeof given === 'function' ? ref(given.name) : given;
}

function isList(given: BodyGiven['schema']): given is readonly Shape[] {
  return Array.isArray(given);
}

function shapesOf({ options, inputs }: Described): readonly Shape[] {
  const given: readonly (BodyGiven['schema'] | undefined)[] = [
    ...inputs.filter(({ source }) => source === 'body').map(({ shape }) => shape),
    ...Object.values(options.body?.types ?? {}).map(({ schema }) => schema),
    ...Object.values(options.answers).flatMap(({ body, types = {} }) => [body, ...Object.values(types)]),
  ];
  return given.flat().filter((one): one is Shape => typeof one === 'function');
}

/** Refusals of any route, before its own. */
const ADMISSION_CODES: readonly ErrorCode[] = [
  'ACCESS_UNKNOWN',
  'ADDRESS_NOT_ALLOWED',
  'CREDENTIAL_EXPIRED',
  'CREDENTIAL_IN_URL',
  'CROSS_SITE',
  'HOST_NOT_ALLOWED',
  'INSUFFICIENT_SCOPE',
  'INVALID_CREDENTIAL',
  'RATE_LIMITED',
  'TENANT_NOT_FOUND',
  'TENANT_SUSPENDED',
  'UNAUTHENTICATED',
];

/** Error codes of a route: its own, and those that follow from its inputs and its method. */
function codesOf(route: Described, isWrite: boolean): readonly ErrorCode[] {
  const { options, inputs } = route;
  const { once = false, problems = [], ignores = [] } = options;
  const headers = requestHeadersOf(route);
  const reads = (source: string) => inputs.some((input) => input.source === source);
  const hasBody = reads('body') || options.body !== undefined;
  return [
    ...problems,
    ...ADMISSION_CODES,
    'BAD_REQUEST',
    'INTERNAL_ERROR',
    'STORE_KEY_TAKEN',
    'STORE_LOADING',
    'STORE_UNAVAILABLE',
    'TOO_MANY_ANSWERS_WAITING',
    ...(hasBody ? (['TOO_MANY_BODIES'] as const) : []),
    ...(reads('path') ? (['INVALID_ID'] as const) : []),
    ...(ignores.includes('query') ? [] : (['INVALID_QUERY'] as const)),
    ...(isWrite || reads('headers') || headers.length > 0 ? (['INVALID_HEADER'] as const) : []),
    ...(headers.includes('If-Match') ? (['VERSION_CONFLICT'] as const) : []),
    ...(hasBody ? (['INVALID_JSON', 'JSON_REFUSED', 'INVALID_BODY'] as const) : []),
    ...(isWrite ? (['UNSUPPORTED_MEDIA_TYPE', 'STATE_TOO_LARGE', 'OUTCOME_UNKNOWN', 'STORE_FULL'] as const) : []),
    ...(isWrite && !once && !ignores.includes('Idempotency-Key')
      ? (['IDEMPOTENCY_NOT_SUPPORTED', 'INVALID_DURABILITY'] as const)
      : []),
    ...(once
      ? ([
          'IDEMPOTENCY_IN_PROGRESS',
          'IDEMPOTENCY_MISMATCH',
          'INVALID_DURABILITY',
          'DURABILITY_UNAVAILABLE',
          'WRITE_UNCONFIRMED',
          'KEPT_AS_CONFLICT',
        ] as const)
      : []),
  ];
}

/** Error answers of a route, by status. */
function problemsOf(route: Described, isWrite: boolean): object {
  const byStatus = new Map<number, Set<string>>();
  const add = (status: number, code: ErrorCode) => {
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  };
  for (const code of codesOf(route, isWrite)) add(PROBLEMS[code].status, code);
  // A failed `If-None-Match: *` answers 412.
  if (isWrite && requestHeadersOf(route).includes('If-None-Match')) add(412, 'ALREADY_EXISTS');
  const takesPatches = Object.keys(route.options.body?.types ?? {}).some((type) => type.includes('patch'));
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: [...codes].sort().join(', '),
        headers: answerHeaders([
          ...(MAY_BE_TRIED_AGAIN.includes(status) ? (['Retry-After'] as const) : []),
          ...(status === 429 ? (['RateLimit', 'RateLimit-Policy'] as const) : []),
          ...(status === 401 || status === 403 ? (['WWW-Authenticate'] as const) : []),
          ...(status === 415 && takesPatches ? (['Accept-Patch'] as const) : []),
          ...(codes.has('KEPT_AS_CONFLICT') ? (['Link'] as const) : []),
        ]),
        content: { 'application/problem+json': { schema: ref('Problem') } },
      },
    ]),
  );
}

const MAY_BE_TRIED_AGAIN: readonly number[] = [409, 429, 503];

const PROBLEM: Schema = {
  type: 'object',
  description: 'RFC 9457 problem document; docs/problems.md explains every code',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  properties: {
    type: { type: 'string', examples: ['/problems/version-conflict'] },
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
