import type { IncomingHttpHeaders } from 'node:http';
import type { AllowedOrigins } from './allowed-origins.js';

type Headers = Readonly<Record<string, string>>;

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
/** Request headers that a page may set beside the ones that browsers always let through. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Last-Event-ID',
  'Prefer',
  'Waymark-Durability',
  'Waymark-Tenant',
  'X-API-Key',
  'X-Request-Id',
  'X-Waymark-Note',
  'traceparent',
].join(', ');
/** Answer headers that a page may read beside the ones that browsers always show. */
const EXPOSED_HEADERS = [
  'Accept-Patch',
  'Allow',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Warning',
  'WWW-Authenticate',
  'X-Expires-At',
  'X-Next-Due-Ms',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'X-Request-Id',
  'X-Waymark-Storage',
  'traceparent',
].join(', ');
const MAX_AGE_SECONDS = '600';

/**
 * Headers that let pages of ORIGINS use the service (Fetch §3.2). Never `Access-Control-Allow-Credentials`: a page sends its key
 * itself, and a browser adds nothing of its own.
 */
export class Cors {
  constructor(private readonly allowed: AllowedOrigins) {}

  /** For every answer: what a cache keeps for one page is not for another. */
  headersFor({ origin }: IncomingHttpHeaders): Headers | undefined {
    if (this.allowed.isEmpty) return undefined;
    if (this.allowed.includesAll) return { 'access-control-allow-origin': '*', ...EXPOSED };
    if (origin === undefined || !this.allowed.has(origin)) return VARY;
    return { ...VARY, 'access-control-allow-origin': origin, ...EXPOSED };
  }

  /** Answer to the question of a browser whether a page may send a request; undefined for any other request. */
  preflight(method: string, headers: IncomingHttpHeaders): Headers | undefined {
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return undefined;
    const { origin } = headers;
    if (origin === undefined || !this.allowed.has(origin)) return undefined;
    return PREFLIGHT;
  }
}

const VARY = { vary: 'Origin' };
const EXPOSED = { 'access-control-expose-headers': EXPOSED_HEADERS };
const PREFLIGHT = {
  'access-control-allow-methods': METHODS,
  'access-control-allow-headers': REQUEST_HEADERS,
  'access-control-max-age': MAX_AGE_SECONDS,
};
