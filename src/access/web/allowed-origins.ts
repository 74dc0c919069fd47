import { isLoopback } from '../../config/is-loopback.js';
import { parseAuthority } from './authority.js';

/** Origins of other hosts or ports whose pages may use the service (ORIGINS); `*` for all. */
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

/** The origin as browsers write it: in lower case, without the default port of its scheme. */
function normalOrigin(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).origin : origin;
}

const ORIGIN = /^(https?):\/\/(.+)$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * True if a page of `origin` was served by `host`, the host that the request is addressed to.
 * The scheme is compared only if this process ends TLS itself; otherwise a proxy may do that.
 * `anyPort`: pages on all ports of the host count.
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
  const defaultPort = DEFAULT_PORTS[scheme];
  return page.name === here.name && (page.port || defaultPort) === (here.port || defaultPort);
}
