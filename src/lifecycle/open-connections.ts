import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/**
 * Open connections of a server, each with its latest answer.
 * Node closes idle connections itself, but not one on which no request has arrived, and not one whose request was
 * answered before it had arrived completely. Without this class such connections delay the shutdown until the client
 * closes them.
 */
export class OpenConnections {
  /** Undefined until the first request. */
  readonly #latest = new Map<Socket, ServerResponse | undefined>();
  #isEnding = false;

  constructor(server: Server) {
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#latest.set(socket, undefined);
      socket.once('close', () => this.#latest.delete(socket));
    });
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#latest.set(socket, response);
      if (this.#isEnding) this.#endWith(socket, response);
    });
    // The feed closes its WebSockets itself.
    server.on('upgrade', (_request, socket: Socket) => this.#latest.delete(socket));
  }

  /** Closes each connection as soon as everything on it is answered. */
  end(): void {
    this.#isEnding = true;
    for (const [socket, response] of this.#latest) {
      if (response === undefined || response.writableFinished) socket.destroy();
      else this.#endWith(socket, response);
    }
  }

  #endWith(socket: Socket, response: ServerResponse): void {
    response.once('close', () => {
      if (this.#latest.get(socket) === response) socket.destroySoon();
    });
  }
}
