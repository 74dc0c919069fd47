import type { IncomingHttpHeaders } from 'node:http';
import { isSameOrigin, type AllowedOrigins } from './allowed-origins.js';

export interface Asked {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Host that the request is addressed to. */
  readonly host: string;
  /** True if this process ended the TLS of the request. */
  readonly isSecure: boolean;
  /** Pages on other ports of the same host count as pages of this service. */
  readonly anyPort?: boolean;
}

/**
 * True for a request that a page of another origin made in a browser, unless ORIGINS has that origin.
 * Browsers send the origin of the page, and no page can forge it. A browser hides the answer from the page, but the
 * service has carried out the request by then. Other programs send neither header.
 *
 * A link from another page is not such a request: it only reads, and the page never sees the answer.
 */
export function isFromForeignPage(
  { method, headers, host, isSecure, anyPort }: Asked,
  allowed: AllowedOrigins,
): boolean {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined) {
    if (allowed.has(origin)) return false;
    if (!isSameOrigin(origin, host, { isSecure, anyPort: anyPort === true })) return true;
    if (anyPort === true) return false;
  }
  if (site === undefined || site === 'same-origin' || site === 'none' || allowed.includesAll) return false;
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return !(isLink && (method === 'GET' || method === 'HEAD'));
}
