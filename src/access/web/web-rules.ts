import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isLoopback } from '../../config/is-loopback.js';
import type { Config } from '../../config/config.js';
import type { RequestRule } from '../admission.js';
import { AllowedHosts } from './allowed-hosts.js';
import { AllowedOrigins } from './allowed-origins.js';
import { targetOf } from './authority.js';
import type { TrustedProxies } from './client-address.js';
import { Cors } from './cors.js';
import { isFromForeignPage } from './foreign-pages.js';
import { AmbiguousHostError, CrossSiteError, HostNotAllowedError } from './web-errors.js';

/** Protects users of browsers: checks the host and the page of every request, WebSockets included. */
export class WebRules implements RequestRule {
  readonly #hosts: AllowedHosts;
  readonly #origins: AllowedOrigins;
  readonly #cors: Cors;

  constructor(
    { host, access, web }: Pick<Config, 'host' | 'access' | 'web'>,
    private readonly proxies: TrustedProxies,
  ) {
    this.#hosts = new AllowedHosts({ listed: web.allowedHosts, isLoopback: isLoopback(host), isOpen: access.isOpen });
    this.#origins = new AllowedOrigins(web.origins);
    this.#cors = new Cors(this.#origins);
  }

  /** False if the request was a preflight request, which is answered without a credential. */
  check({ raw }: FastifyRequest, reply: FastifyReply): boolean {
    const { method = '', headers } = raw;
    const shared = this.#cors.headersFor(headers);
    if (shared !== undefined) reply.headers(shared);
    this.#refuse(raw);
    const preflight = this.#cors.preflight(method, headers);
    if (preflight === undefined) return true;
    void reply.status(204).headers(preflight).send();
    return false;
  }

  /**
   * Checks a WebSocket, since browsers apply no rule of their own to them. `anyPort`: pages on other ports of the same
   * host may connect too.
   * @throws ServiceError
   */
  checkUpgrade(request: IncomingMessage, { anyPort }: { readonly anyPort: boolean }): void {
    this.#refuse(request, anyPort);
  }

  #refuse(request: IncomingMessage, anyPort = false): void {
    const { method = '', headers, socket } = request;
    const target = targetOf(request);
    if (target.kind === 'ambiguous') throw new AmbiguousHostError();
    const isTrusted = this.proxies.isTrustedPeer(request);
    const host = (isTrusted && lastOf(headers['x-forwarded-host'])) || (target.kind === 'host' ? target.text : '');
    if (host === '' ? !this.#hosts.acceptsNone : !this.#hosts.accepts(host)) throw new HostNotAllowedError(host);
    const isSecure =
      (socket as TLSSocket).encrypted === true || (isTrusted && lastOf(headers['x-forwarded-proto']) === 'https');
    if (isFromForeignPage({ method, headers, host, isSecure, anyPort }, this.#origins)) {
      const { origin } = headers;
      throw new CrossSiteError(origin);
    }
  }
}

/** The last element of a list: the last proxy wrote it. Earlier elements may come from the caller. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return header === undefined ? undefined : String(header).split(',').at(-1)?.trim();
}
