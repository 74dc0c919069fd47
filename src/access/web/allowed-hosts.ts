import { isIP } from 'node:net';
import { isLoopback } from '../../config/is-loopback.js';
import { parseAuthority } from './authority.js';

export interface HostsGiven {
  /** ALLOWED_HOSTS: names, `*.example.com` for all names below one, `*` for all. */
  readonly listed: readonly string[];
  /** The service is reachable from this machine only. */
  readonly isLoopback: boolean;
  /** Requests without a credential are served. */
  readonly isOpen: boolean;
}

const MAX_KNOWN = 100;

/**
 * Names under which the service may be called.
 * DNS rebinding: the owner of `evil.example` can point that name to this service. A browser then takes a page of
 * `evil.example` and the service for one origin. Only the `Host` header shows the foreign name.
 */
export class AllowedHosts {
  /** Accepted values of the header, so that most requests cost one look-up. */
  readonly #known = new Set<string>();
  readonly #names: ReadonlySet<string>;
  readonly #suffixes: readonly string[];

  constructor(private readonly given: HostsGiven) {
    const listed = given.listed.map((host) => host.toLowerCase());
    this.#names = new Set(listed.map((host) => parseAuthority(host)?.name ?? host));
    this.#suffixes = listed.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  }

  accepts(text: string): boolean {
    if (this.#known.has(text)) return true;
    const name = parseAuthority(text)?.name;
    if (name === undefined || !this.#isAllowed(name)) return false;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(text);
    return true;
  }

  /** A request without a host does not come from a browser. */
  get acceptsNone(): boolean {
    return this.#acceptsAll;
  }

  get #acceptsAll(): boolean {
    const { listed, isLoopback, isOpen } = this.given;
    return this.#names.has('*') || (listed.length === 0 && !isLoopback && !isOpen);
  }

  #isAllowed(name: string): boolean {
    if (this.#acceptsAll || isLoopback(name) || name.endsWith('.localhost') || this.#names.has(name)) return true;
    if (this.#suffixes.some((suffix) => name.endsWith(suffix))) return true;
    if (this.given.isLoopback) return false;
    // Names can be pointed to another address, but addresses cannot: only this service serves pages of its address.
    // Probes use addresses.
    if (isIP(name) !== 0) return true;
    // A name without a dot cannot be registered. Containers call each other by such names.
    return this.given.listed.length === 0 && !name.includes('.');
  }
}
