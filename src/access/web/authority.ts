import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Host of a URL or a `Host` header: the name in lower case without brackets and trailing dot, and the port as text. */
export interface Authority {
  readonly name: string;
  /** Empty for the default port of the scheme. */
  readonly port: string;
}

const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._~-]+))(?::(\d{0,5}))?$/;

/** Undefined if the text is not a host: a name with a user, a path or a list in it is not a host. */
export function parseAuthority(text: string): Authority | undefined {
  const [, address, name = address, port = ''] = AUTHORITY.exec(text) ?? [];
  if (name === undefined) return undefined;
  if (address !== undefined && isIP(address) !== 6) return undefined;
  return { name: name.toLowerCase().replace(/\.$/, ''), port };
}

/** Host that a request names: one, none, or an unclear one. */
export type Target =
  { readonly kind: 'none' } | { readonly kind: 'ambiguous' } | { readonly kind: 'host'; readonly text: string };

/** Absolute form of a request target: `http://host/path`. */
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;
const SLASH = 47;

/**
 * Host that a request is addressed to.
 * The host of an absolute request target takes precedence over the header (RFC 9112 §3.2.2). Two headers make the
 * request ambiguous, since a proxy on the way may have used the other one.
 */
export function targetOf({ rawHeaders, headers, url = '' }: IncomingMessage): Target {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) return { kind: 'ambiguous' };
  const absolute = url.charCodeAt(0) === SLASH ? undefined : ABSOLUTE.exec(url)?.[1];
  const text = absolute ?? headers.host ?? '';
  return text === '' ? { kind: 'none' } : { kind: 'host', text };
}
