import { HttpException } from '@nestjs/common';
import { KeptAsConflictError, StateTooLargeError } from '../engine/errors.js';
import { ServiceError } from '../service-error.js';
import {
  BadRequestError,
  MethodNotAllowedError,
  RouteNotFoundError,
  UnsupportedMediaTypeError,
} from './http-errors.js';
import { PROBLEMS, problemType } from './problems.js';

/** Error over HTTP: RFC 9457 document, status and headers. */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * `instance`: the request id, which the operator finds in the log. ALREADY_EXISTS answers 412 to `If-None-Match: *`
 * (`createOnly`), else 409.
 */
export function problemOf(
  error: ServiceError,
  instance: string,
  asked: { readonly createOnly?: boolean; readonly namesPart?: boolean } = {},
): Problem {
  const row = PROBLEMS[error.code];
  const status = error.code === 'ALREADY_EXISTS' && asked.createOnly === true ? 412 : row.status;
  const body = JSON.stringify({
    type: problemType(error.code),
    title: row.title,
    status,
    detail: error.message,
    instance,
    code: error.code,
    ...error.extensions,
    ...(asked.namesPart === true && error.failed && { failed: error.failed }),
  });
  return { status, headers: headersOf(error), body };
}

function headersOf(error: ServiceError): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json; charset=utf-8' };
  if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds);
  const challenge = challengeOf(error);
  if (challenge !== undefined) headers['www-authenticate'] = challenge;
  // IETF draft of RateLimit headers: q = quota, r = remaining, t = seconds until the reset.
  const { limit } = error.extensions;
  if (PROBLEMS[error.code].status === 429 && typeof limit === 'number') {
    const name = error.code.toLowerCase().replaceAll('_', '-');
    headers['ratelimit-policy'] = `"${name}";q=${limit}`;
    headers['ratelimit'] = `"${name}";r=0;t=${error.retryAfterSeconds ?? 1}`;
  }
  if (error instanceof KeptAsConflictError) {
    const links = error.conflicts.map(({ id, n }) => `</v1/workflows/${id}/conflicts/${n}>; rel="related"`);
    headers['link'] = links.join(', ');
  }
  if (error instanceof MethodNotAllowedError) headers['allow'] = error.allowed.join(', ');
  if (error instanceof UnsupportedMediaTypeError && error.accepted.some((type) => type.includes('patch'))) {
    headers['accept-patch'] = error.accepted.join(', ');
  }
  return headers;
}

/** RFC 6750. */
function challengeOf({ code, extensions }: ServiceError): string | undefined {
  switch (code) {
    case 'UNAUTHENTICATED':
      return 'Bearer realm="waymark"';
    case 'INVALID_CREDENTIAL':
    case 'CREDENTIAL_EXPIRED':
      return 'Bearer realm="waymark", error="invalid_token"';
    case 'INSUFFICIENT_SCOPE':
      return `Bearer realm="waymark", error="insufficient_scope", scope="${String(extensions['scope'])}"`;
    default:
      return undefined;
  }
}

/** Request that the framework refused. */
export interface RefusedRequest {
  /** From the header, if it is there. */
  readonly contentLength: number | null;
  readonly bodyLimit: number;
}

/**
 * Error for an exception that the framework throws before a controller runs; undefined for a fault of the service.
 * Framework messages may quote the request, so they are not shown. Wrapped errors keep their status.
 */
export function asServiceError(error: unknown, { contentLength, bodyLimit }: RefusedRequest): ServiceError | undefined {
  if (error instanceof ServiceError) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_BAD_URL') return new BadRequestError('The path is not valid percent-encoded UTF-8');
  const status = error instanceof HttpException ? error.getStatus() : statusCode;
  switch (status) {
    case 404:
      return new RouteNotFoundError('There is no such route; /docs lists them all');
    case 413:
      return new StateTooLargeError(bodyLimit, contentLength);
    case 415:
      return new UnsupportedMediaTypeError('This Content-Type', ['application/json']);
    default:
      return typeof status === 'number' && status >= 400 && status < 500
        ? new BadRequestError('The request could not be read')
        : undefined;
  }
}
