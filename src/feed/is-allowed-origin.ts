import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Whether a page may open a WebSocket. Browsers send the origin of the page but do not enforce a rule; other programs send none.
 * Pages of the same host are allowed on any port (front ends under development), other origins by configuration.
 */
export function isAllowedOrigin({ origin, host }: IncomingHttpHeaders, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true;
  const page = hostOf(origin);
  const here = hostOf(`http://${host ?? ''}`);
  if (page === undefined || here === undefined) return false;
  return page === here || (LOOPBACK.includes(page) && LOOPBACK.includes(here));
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname || undefined : undefined;
}
