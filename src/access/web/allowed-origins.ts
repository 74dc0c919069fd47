import { isLoopback } from '../../config/is-loopback.js';
import { parseAuthority } from './authority.js';

/** ORIGINS: pages of other hosts or ports that may use the service; `*` for all of them. */
export class AllowedOrigins {
  readonly #origins: ReadonlySet<string>;

  constructor(listed: readonly string[]) {
    this.#origins = new Set(listed.map(normalOrigin));
  }

  get isEmpty(): boolean {
    return this.#origins.size === 0;
  }

  get includesAll(): boolean {
    return this.#origins.has('*');
  }

  /** `origin`: as a browser sends it. */
  has(origin: string): boolean {
    return this.includesAll || this.#origins.has(origin);
  }
}

/** As browsers write it: in lower case, without the usual port of the scheme. */
function normalOrigin(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).origin : origin;
}

const ORIGIN = /^(https?):\/\/(.+)$/;
const USUAL_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * True if a page of `origin` was served by `host`, the host that the request is addressed to. The scheme counts only where this
 * process ends TLS itself: a proxy in front may do it. `anyPort`: on whichever port of that host.
 */
export function isSameOrigin(
  origin: string,
  host: string,
  { isSecure, anyPort = false }: { readonly isSecure: boolean; readonly anyPort?: boolean },
): boolean {
  const [, scheme = '', text = ''] = ORIGIN.exec(origin) ?? [];
  const page = parseAuthority(text);
  const here = parseAuthority(host);
  if (page === undefined || here === undefined) return false;
  if (anyPort) return page.name === here.name || (isLoopback(page.name) && isLoopback(here.name));
  if (isSecure && scheme !== 'https') return false;
  const usual = USUAL_PORTS[scheme];
  return page.name === here.name && (page.port || usual) === (here.port || usual);
}
