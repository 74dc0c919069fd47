import { Req, Res } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../service-error.js';
import { JSON_TYPES, jsonTextOf } from './body.js';
import { callerOf } from './caller.js';
import type { AnswerHeader, RequestHeader } from './document-headers.js';
import { refuseKey } from './idempotency.js';
import { PRECONDITIONS, refusePreconditions } from './preconditions.js';
import { sendJson } from './send-json.js';
import { readHeaders, readPath, readQuery, refuseQuery } from './shapes/read-texts.js';
import { readJson } from './shapes/read.js';
import type { Schema, Shape } from './shapes/field.js';
import { writeJson } from './shapes/write.js';
import { WaitingAnswers } from './waiting-answers.js';

/** Meaning of one status of a route, and the class of its JSON body. */
export interface AnswerGiven {
  readonly says: string;
  readonly body?: Shape;
  /** Schema of a body that the handler returns as JSON text. */
  readonly raw?: Schema;
  /** The handler may leave the body out. */
  readonly mayBeEmpty?: true;
  /** Bodies that the handler sends itself, by media type. */
  readonly types?: Readonly<Record<string, Shape | Schema>>;
  readonly headers?: readonly AnswerHeader[];
}

export type AnswersGiven = Readonly<Record<number, AnswerGiven>>;

export interface RouteOptions<A extends AnswersGiven = AnswersGiven> {
  /** operationId in the document. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** The route takes Idempotency-Key and Waymark-Durability; other writes refuse both. */
  readonly once?: boolean;
  /** Reason why a route that writes takes no Idempotency-Key. */
  readonly notOnce?: string;
  /** Headers with their own reader (preconditions, Prefer, X-Waymark-Note). All others: @FromHeaders. */
  readonly headers?: readonly RequestHeader[];
  /** Bodies that the handler reads itself, by media type. All others: @FromBody. */
  readonly body?: { readonly required?: boolean; readonly types: Readonly<Record<string, BodyGiven>> };
  /** Query that the handler reads itself, since it has more fields than the class. */
  readonly query?: Shape;
  readonly answers: A;
  /** Error codes besides those that follow from the inputs of the route. */
  readonly problems?: readonly ErrorCode[];
  /** The answer has the states or payloads of many: always, or with `include=state`. */
  readonly isPage?: 'always' | 'with states';
  /** Inputs that this route ignores and others refuse. */
  readonly ignores?: readonly ('query' | 'Idempotency-Key')[];
}

export interface BodyGiven {
  /** A list: the body is of one of these classes. */
  readonly schema: Shape | Schema | readonly Shape[];
  readonly example: unknown;
}

/** Result of a handler: a status of its route, and the source of the body. */
export interface Answer<S extends number = number, B = unknown> {
  readonly status: S;
  readonly body: B;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /** The answer is that of an earlier request. */
  readonly replayed?: boolean | undefined;
}

type FullBodyOf<G> = G extends { readonly body: Shape<infer T> }
  ? T
  : G extends { readonly raw: Schema }
    ? string
    : undefined;
type BodyOf<G> = G extends { readonly mayBeEmpty: true } ? FullBodyOf<G> | undefined : FullBodyOf<G>;
type AnswerOf<A> = { [S in keyof A & number]: Answer<S, BodyOf<A[S]>> }[keyof A & number];

export function answer<const S extends number, B = undefined>(
  status: S,
  body?: B,
  more?: Pick<Answer, 'headers' | 'replayed'>,
): Answer<S, B> {
  return { status, body: body as B, headers: more?.headers, replayed: more?.replayed };
}

export type Source = 'body' | 'path' | 'query' | 'headers' | 'caller';

/** Parameter of a handler that is read from the request. */
export interface Input {
  readonly source: Source;
  readonly index: number;
  readonly shape?: Shape;
  readonly isOptional?: boolean;
  /** Example in the document; that of the class by default. */
  readonly example?: unknown;
  /** A large body is read in several turns of the event loop. */
  readonly read: (request: FastifyRequest) => unknown;
}

export interface Described {
  readonly options: RouteOptions;
  readonly inputs: readonly Input[];
}

const INPUTS = new WeakMap<object, Map<string | symbol, Input[]>>();
const ROUTES = new Map<string, Described>();

/** Routes declared with `@Route`, by operationId. */
export const describedRoutes: ReadonlyMap<string, Described> = ROUTES;

function input(given: Omit<Input, 'index'>): ParameterDecorator {
  return (target, key = '', index) => {
    const ofClass = INPUTS.get(target) ?? new Map<string | symbol, Input[]>();
    INPUTS.set(target, ofClass.set(key, [...(ofClass.get(key) ?? []), { ...given, index }]));
  };
}

export const FromPath = (shape: Shape) => input({ source: 'path', shape, read: (request) => readPath(shape, request) });

export const FromQuery = (shape: Shape) =>
  input({ source: 'query', shape, read: (request) => readQuery(shape, request) });

export const FromHeaders = (shape: Shape) =>
  input({ source: 'headers', shape, read: (request) => readHeaders(shape, request) });

/** An empty optional body is read as `{}`. */
export const FromBody = (shape: Shape, { optional = false, example }: { optional?: boolean; example?: unknown } = {}) =>
  input({
    source: 'body',
    shape,
    isOptional: optional,
    example,
    read: async (request) => {
      const isEmpty = ((request.body as Buffer | null | undefined)?.length ?? 0) === 0;
      const { value } = await readJson(shape, optional && isEmpty ? '{}' : jsonTextOf(request, JSON_TYPES));
      return value;
    },
  });

/** Tenant and author of the request. */
export const FromCaller = () => input({ source: 'caller', read: callerOf });

const ORDER: readonly Source[] = ['path', 'query', 'headers', 'body', 'caller'];

/**
 * Declares a route, for requests and for the document; its inputs are declared on its parameters. Refuses inputs that are not
 * declared, reads the parameters, calls the handler, and writes the answer by its class.
 */
export function Route<const A extends AnswersGiven>(options: RouteOptions<A>) {
  return <H extends (...given: never[]) => Promise<AnswerOf<A> | void>>(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<H>,
  ): void => {
    const handler = descriptor.value as unknown as (...given: unknown[]) => Promise<Answer | undefined>;
    const inputs = [...(INPUTS.get(target)?.get(key) ?? [])].sort(
      (a, b) => ORDER.indexOf(a.source) - ORDER.indexOf(b.source),
    );
    if (ROUTES.has(options.id)) throw new Error(`Two routes are called ${options.id}`);
    ROUTES.set(options.id, { options, inputs });
    const { answers, once = false, notOnce, ignores = [] } = options;
    const readsQuery = options.query !== undefined || inputs.some(({ source }) => source === 'query');
    const refusesQuery = !readsQuery && !ignores.includes('query');
    const refusesKey = !once && !ignores.includes('Idempotency-Key');
    const notHonoured = PRECONDITIONS.filter((name) => !(options.headers ?? []).includes(name));
    const at = handler.length;
    const route = async function (this: unknown, ...args: unknown[]): Promise<void> {
      const request = args[at] as FastifyRequest;
      const reply = args[at + 1] as FastifyReply;
      if (refusesQuery) refuseQuery(request);
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        if (refusesKey) refuseKey(request, notOnce);
        refusePreconditions(request, notHonoured);
      }
      for (const { index, read } of inputs) {
        const value = read(request);
        args[index] = value instanceof Promise ? await value : value;
      }
      const isPage = options.isPage === 'always' || (options.isPage === 'with states' && includesStates(request));
      const work = () => handler.apply(this, args);
      const given = await (isPage ? WaitingAnswers.of(request).readPage(work) : work());
      if (given === undefined) return;
      const texts = textsOf(given, answers[given.status]?.body);
      if (isPage || request.method === 'GET') refuseWithoutRoom(request, texts);
      send(reply, given, texts);
    };
    // Framework decorators below this one have set metadata on the handler.
    for (const name of Reflect.getMetadataKeys(handler) as unknown[]) {
      Reflect.defineMetadata(name, Reflect.getMetadata(name, handler), route);
    }
    Object.defineProperty(route, 'name', { value: key });
    descriptor.value = route as unknown as H;
    Req()(target, key, at);
    Res()(target, key, at + 1);
    ApiOperation({ operationId: options.id, summary: options.summary })(target, key, descriptor);
  };
}

const includesStates = ({ query }: FastifyRequest) => (query as { include?: unknown }).include === 'state';

/** The text of an answer, in consecutive pieces; undefined without a body. */
function textsOf({ body }: Answer, shape: Shape | undefined): readonly string[] | undefined {
  if (body === undefined) return undefined;
  return shape === undefined ? [body as string] : writeJson(shape, body as object);
}

/** A large answer is refused before it is made. @throws AnswersWaitingError */
function refuseWithoutRoom(request: FastifyRequest, texts: readonly string[] = []): void {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  const refusal = WaitingAnswers.of(request).refusalOf(length);
  if (refusal !== undefined) throw refusal;
}

function send(reply: FastifyReply, { status, headers, replayed }: Answer, texts: readonly string[] | undefined): void {
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) reply.header(name, value);
  }
  if (replayed === true) reply.header('idempotency-replayed', 'true');
  if (texts === undefined) void reply.status(status).send();
  else sendJson(reply, status, ...texts);
}
