import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';

/** Headers of a protocol upgrade. */
const UPGRADE_HEADERS = ['upgrade', 'http2-settings', 'connection'];

/**
 * Serves a request as if it had no Upgrade header.
 * A server with an upgrade listener gets every upgrade, even the HTTP/2 offers that some clients send with each
 * request. The request is put back at the start of its connection, without these headers.
 */
export async function ignoreUpgrade(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  await answersSent(socket);
  if (socket.destroyed) return;
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(i, i + 2);
    if (!UPGRADE_HEADERS.includes(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  // With TLS, this event has the decrypted connection.
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', socket);
}

/** Resolves when the pipelined requests before this one are answered; the server has taken its listeners away. */
async function answersSent(socket: Duplex): Promise<void> {
  const ignore = () => undefined;
  socket.on('error', ignore);
  for (let answer = answerOn(socket); answer !== null; answer = answerOn(socket))
    await once(answer, 'close').catch(ignore);
  socket.off('error', ignore);
}

/** The answer that Node writes to a connection at present. There is no public way to ask for it. */
function answerOn(socket: Duplex & { readonly _httpMessage?: ServerResponse | null }): ServerResponse | null {
  return socket._httpMessage ?? null;
}
