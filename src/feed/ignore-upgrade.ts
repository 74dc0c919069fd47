import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';

/** Headers of a protocol upgrade. */
const UPGRADE_HEADERS = ['upgrade', 'http2-settings', 'connection'];

/**
 * Serves a request as if it had no Upgrade header.
 * A server with an upgrade listener gets every upgrade, even the HTTP/2 offers that some clients send with each
 * request. The request is put back at the start of its connection, without these headers.
 */
export function ignoreUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(i, i + 2);
    if (!UPGRADE_HEADERS.includes(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  // With TLS, this event has the decrypted connection.
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', socket);
}
