import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../../config/is-loopback.js';
import { UnauthenticatedError } from '../access-errors.js';
import type { OpenRule } from '../admission.js';
import type { SocketOwners } from './socket-owners.js';

/** Headers with which proxies and tunnels name the caller. */
const FORWARDING =
  /^(?:forwarded|via|true-client-ip|x-(?:real|client|cluster-client|remote|originating|proxyuser|appengine-user)-ip|x-azure-clientip|(?:x-forwarded|x-original-|x-envoy-|cf-|fastly-|fly-).*)$/;

/** Beginning of every refusal. */
const OPEN_TO = 'Without a credential this service is open to programs on its own machine that run as its user or root';

/**
 * Callers that an open service on loopback trusts: programs on this machine that run as the user of the service or as
 * root, and do not come through a proxy.
 * A proxy on the same machine also connects from loopback. Three signs show it: a header that it adds, HTTP/1.0 (which
 * many proxies speak to the server behind them), or another user, since most proxies run as a user of their own.
 * A proxy that runs as the user of the service, speaks HTTP/1.1 and adds no header cannot be told from a program.
 */
export class LocalCallers implements OpenRule {
  /** For each connection, the reason of a refusal, or undefined if the connection is trusted. */
  readonly #connections = new WeakMap<object, Promise<string | undefined> | { readonly refusal: string | undefined }>();

  constructor(
    /** Undefined if the system does not show owners. */
    private readonly owners: SocketOwners | undefined,
    private readonly ownUser = process.getuid?.(),
  ) {}

  check(request: IncomingMessage): void | Promise<void> {
    const refusal = this.refusalOf(request);
    if (refusal instanceof Promise) return refusal.then(refuse);
    refuse(refusal);
  }

  /** Reason why the caller is not trusted; undefined if it is. A promise only for the first request of a connection. */
  refusalOf(request: IncomingMessage): string | undefined | Promise<string | undefined> {
    const { socket, headers } = request;
    if (!isLoopback(socket.remoteAddress ?? '')) return `${OPEN_TO}; this request comes from elsewhere`;
    const header = Object.keys(headers).find((name) => FORWARDING.test(name));
    if (header !== undefined) return `${OPEN_TO}; this request came through a proxy, as its header ${header} shows`;
    if (request.httpVersionMajor === 1 && request.httpVersionMinor === 0)
      return `${OPEN_TO}; this request came through a proxy, as its HTTP/1.0 shows`;
    if (this.owners === undefined) return undefined;
    const known = this.#connections.get(socket);
    if (known !== undefined) return known instanceof Promise ? known : known.refusal;
    const checked = this.#checkOwner(request, this.owners);
    this.#connections.set(socket, checked);
    return checked;
  }

  async #checkOwner({ socket }: IncomingMessage, owners: SocketOwners): Promise<string | undefined> {
    // An owner that cannot be read is treated like another user.
    const owner = await owners.ownerOf(socket).catch(() => undefined);
    const refusal =
      owner !== undefined && (owner === this.ownUser || owner === 0)
        ? undefined
        : `${OPEN_TO}; this connection belongs to another user, such as the one of a proxy`;
    this.#connections.set(socket, { refusal });
    return refusal;
  }
}

function refuse(refusal: string | undefined): void {
  if (refusal !== undefined) throw new UnauthenticatedError(refusal);
}
