import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { addRange } from '../../config/address-range.js';
import { normalAddress } from './ip-address.js';

const MAX_CHECKED = 10_000;

/** Proxies whose word about the caller is taken: TRUSTED_PROXIES, as addresses and ranges (CIDR). */
export class TrustedProxies {
  readonly #ranges = new BlockList();
  readonly #isEmpty: boolean;
  /** Per connection; an address never changes on it. */
  readonly #peers = new WeakMap<Socket, Peer>();
  /** A check of the ranges takes microseconds. */
  readonly #checked = new Map<string, boolean>();

  constructor(listed: readonly string[]) {
    this.#isEmpty = listed.length === 0;
    for (const range of listed) addRange(this.#ranges, range);
  }

  /** True if the peer of the connection may speak for others. */
  isTrustedPeer(request: IncomingMessage): boolean {
    return !this.#isEmpty && this.#peerOf(request).isTrusted;
  }

  /**
   * Address of the caller. Behind trusted proxies it is the last address in X-Forwarded-For, or Forwarded, that is not one of
   * theirs: everything before that was written by the caller. Of any other peer such headers mean nothing.
   */
  addressOf(request: IncomingMessage): string {
    const peer = this.#peerOf(request);
    if (!peer.isTrusted) return peer.address;
    const { forwarded } = request.headers;
    const forwardedFor = request.headers['x-forwarded-for'] as string | undefined;
    if (forwardedFor === undefined && forwarded === undefined) return peer.address;
    const byList = forwardedFor && this.#lastForeign(peer.address, forwardedFor.split(','));
    const byForwarded = forwarded && this.#lastForeign(peer.address, forwarded.split(',').map(forOf));
    // A proxy writes one of the two and passes the other on from the caller. Which one is not known here.
    if (byList && byForwarded && byList !== byForwarded) return peer.address;
    return byList || byForwarded || peer.address;
  }

  #lastForeign(peer: string, hops: readonly string[]): string {
    let address = peer;
    for (const hop of hops.toReversed()) {
      const next = addressIn(hop.trim());
      // A trusted proxy that names nobody is all that is known.
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

/** The `for` of an element of a Forwarded header (RFC 7239). */
function forOf(element: string): string {
  const [, quoted, plain = quoted ?? ''] = /(?:^|;)\s*for=(?:"([^"]*)"|([^;\s]*))/i.exec(element) ?? [];
  return plain;
}

/** Address in an element of such a header, which may carry a port; undefined for `unknown` and everything else. */
function addressIn(hop: string): string | undefined {
  const [, inBrackets, v4] = /^(?:\[(.+)\](?::\d+)?|([\d.]+):\d+)$/.exec(hop) ?? [];
  const address = normalAddress(inBrackets ?? v4 ?? hop);
  return isIP(address) === 0 ? undefined : address;
}
