import type { IncomingHttpHeaders } from 'node:http';
import type { AllowedOrigins } from './allowed-origins.js';

type Headers = Readonly<Record<string, string>>;

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
/** Request headers that a page may set, besides those that browsers always allow. */
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
/** Answer headers that a page may read, besides those that browsers always allow. */
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
 * Headers that let pages of ORIGINS use the service (Fetch §3.2).
 * `Access-Control-Allow-Credentials` is never sent: a page sends its key itself, and the browser has to add nothing.
 */
export class Cors {
  constructor(private readonly allowed: AllowedOrigins) {}

  /** Headers for every answer. A cache must not give the answer for one page to another page. */
  headersFor({ origin }: IncomingHttpHeaders): Headers | undefined {
    if (this.allowed.isEmpty) return undefined;
    if (this.allowed.includesAll) return { 'access-control-allow-origin': '*', ...EXPOSED };
    if (origin === undefined || !this.allowed.has(origin)) return VARY;
    return { ...VARY, 'access-control-allow-origin': origin, ...EXPOSED };
  }

  /**
   * Headers of the answer to a preflight request, by which a browser asks whether a page may send a request; undefined
   * for any other request.
   */
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
