import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { addRange } from '../../config/address-range.js';
import { normalAddress } from './ip-address.js';

const MAX_CHECKED = 10_000;

/** Proxies whose headers about the caller are trusted: TRUSTED_PROXIES, as addresses and ranges (CIDR). */
export class TrustedProxies {
  readonly #ranges = new BlockList();
  readonly #isEmpty: boolean;
  /** Cached for each connection, since the address of its peer never changes. */
  readonly #peers = new WeakMap<Socket, Peer>();
  /** Cached, since a check of the ranges takes microseconds. */
  readonly #checked = new Map<string, boolean>();

  constructor(listed: readonly string[]) {
    this.#isEmpty = listed.length === 0;
    for (const range of listed) addRange(this.#ranges, range);
  }

  /** True if the peer of the connection is a trusted proxy. */
  isTrustedPeer(request: IncomingMessage): boolean {
    return !this.#isEmpty && this.#peerOf(request).isTrusted;
  }

  /**
   * Address of the caller.
   * Behind trusted proxies: the last address in X-Forwarded-For, or Forwarded, that is not a trusted proxy. Everything
   * before it was written by the caller and may be false.
   * Without a trusted proxy these headers are ignored.
   */
  addressOf(request: IncomingMessage): string {
    const peer = this.#peerOf(request);
    if (!peer.isTrusted) return peer.address;
    const { forwarded } = request.headers;
    const forwardedFor = request.headers['x-forwarded-for'] as string | undefined;
    if (forwardedFor === undefined && forwarded === undefined) return peer.address;
    const byList = forwardedFor && this.#lastForeign(peer.address, forwardedFor.split(','));
    const byForwarded = forwarded && this.#lastForeign(peer.address, forwarded.split(',').map(forOf));
    // A proxy writes one of the two headers and may pass on the other one from the caller. Which one it wrote is
    // unknown.
    if (byList && byForwarded && byList !== byForwarded) return peer.address;
    return byList || byForwarded || peer.address;
  }

  #lastForeign(peer: string, hops: readonly string[]): string {
    let address = peer;
    for (const hop of hops.toReversed()) {
      const next = addressIn(hop.trim());
      // The trusted proxy does not name its caller, so the address of the proxy is the best known one.
      if (next === undefined) return address;
      address = next;
      if (!this.#contains(address)) return address;
    }
    return address;
  }

  #peerOf({ socket }: IncomingMessage): Peer {
    const known = this.#peers.get(socket);
    if (known !== undefined) return known;
    const address = normalAddress(socket.remoteAddress ?? '');
    const peer = { address, isTrusted: this.#contains(address) };
    this.#peers.set(socket, peer);
    return peer;
  }

  #contains(address: string): boolean {
    const known = this.#checked.get(address);
    if (known !== undefined) return known;
    const family = isIP(address);
    const isInside = !this.#isEmpty && family !== 0 && this.#ranges.check(address, family === 6 ? 'ipv6' : 'ipv4');
    if (this.#checked.size >= MAX_CHECKED) this.#checked.clear();
    this.#checked.set(address, isInside);
    return isInside;
  }
}

interface Peer {
  readonly address: string;
  readonly isTrusted: boolean;
}

/** The value of `for` in an element of a Forwarded header (RFC 7239). */
function forOf(element: string): string {
  const [, quoted, plain = quoted ?? ''] = /(?:^|;)\s*for=(?:"([^"]*)"|([^;\s]*))/i.exec(element) ?? [];
  return plain;
}

/** Address in an element, which may have a port; undefined for `unknown` and for everything else. */
function addressIn(hop: string): string | undefined {
  const [, inBrackets, v4] = /^(?:\[(.+)\](?::\d+)?|([\d.]+):\d+)$/.exec(hop) ?? [];
  const address = normalAddress(inBrackets ?? v4 ?? hop);
  return isIP(address) === 0 ? undefined : address;
}
