import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { InvalidJsonError } from '../json/invalid-json-error.js';
import type { JsonScan, ScanOptions } from '../json/scan.js';
import { InvalidBodyError, InvalidJsonBodyError, JsonRefusedError, UnsupportedMediaTypeError } from './http-errors.js';
import type { ReceivedBodies } from './received-bodies.js';
import { scanInTurns } from './scan-in-turns.js';

/** Bodies stay bytes until a route reads them: only the route knows its media types and its shape. */
export function keepBodiesRaw(fastify: FastifyInstance, bodies: ReceivedBodies): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (request, stream, done) => bodies.read(request, stream, done));
  // Bodies of lines (NDJSON) stay a stream; only some routes take them.
  fastify.addContentTypeParser(LINES_TYPE, (request, body, done) => {
    if (LINES_ROUTES.includes(request.routeOptions.url ?? '')) done(null, body);
    else done(new UnsupportedMediaTypeError(LINES_TYPE, JSON_TYPES));
  });
}

export const LINES_TYPE = 'application/x-ndjson';
const LINES_ROUTES: readonly string[] = ['/v1/import'];

export const JSON_TYPES = ['application/json'] as const;

/** The form type is the default of `curl -d`. Routes whose body can only be JSON accept it. */
export const RAW_STATE_TYPES = ['application/json', 'application/x-www-form-urlencoded'] as const;

/** Media type of the body, one of `accepted`. A charset other than UTF-8 is refused. */
export function mediaTypeOf<T extends string>(request: FastifyRequest, accepted: readonly T[]): T {
  const header = request.headers['content-type'];
  if (header === accepted[0] && request.headers['content-encoding'] === undefined) return accepted[0] as T;
  const [type = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  const known = accepted.find((candidate) => candidate === type);
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw new UnsupportedMediaTypeError(`Content-Encoding ${encoding}`, accepted);
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  if (known === undefined || (charset !== undefined && charset.replaceAll('"', '') !== 'utf-8')) {
    throw new UnsupportedMediaTypeError(header, accepted);
  }
  return known;
}

/** Body as text. Invalid UTF-8 is refused, since decoding would change the bytes. */
export function textOf(request: FastifyRequest): string {
  const body = request.body as Buffer | undefined;
  if (body === undefined || body === null || body.length === 0)
    throw new InvalidJsonBodyError('The body is empty; JSON is needed');
  if (!isUtf8(body)) throw new InvalidJsonBodyError('The body is not valid UTF-8');
  return body.toString('utf8');
}

/** Text of a body that is a JSON object. */
export async function objectTextOf(request: FastifyRequest, accepted: readonly string[] = JSON_TYPES): Promise<string> {
  const text = jsonTextOf(request, accepted);
  const { kind } = await scanBody(text);
  if (kind !== 'object') throw new InvalidBodyError([{ pointer: '', message: 'must be a JSON object' }]);
  return text;
}

export function jsonTextOf(request: FastifyRequest, accepted: readonly string[] = JSON_TYPES): string {
  mediaTypeOf(request, accepted);
  return textOf(request);
}

/** Validates a body and finds the values that `options` name; a large body takes several turns of the event loop. */
export async function scanBody(text: string, options?: ScanOptions): Promise<JsonScan> {
  try {
    return await scanInTurns(text, options);
  } catch (error) {
    if (!(error instanceof InvalidJsonError)) throw error;
    throw error.reason === 'syntax'
      ? new InvalidJsonBodyError(`Not valid JSON: ${error.message}`, { cause: error })
      : new JsonRefusedError({ pointer: error.pointer, message: error.message });
  }
}
