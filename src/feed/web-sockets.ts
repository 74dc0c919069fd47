import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer } from 'ws';
import { Admission } from '../access/admission.js';
import { WebRules } from '../access/web/web-rules.js';
import { ServerTls } from '../access/web/server-tls.js';
import { Config } from '../config/config.js';
import { problemOf } from '../http/problem.js';
import { Draining } from '../lifecycle/draining.js';
import { Listeners } from '../waiting/listeners.js';
import { LiveCallers } from '../waiting/live-callers.js';
import { Feeds } from './feeds.js';
import { ignoreUpgrade } from './ignore-upgrade.js';
import { ServiceError } from '../service-error.js';
import { SocketAccess, selectProtocol } from './socket-access.js';
import { CLOSE, SocketClient } from './socket-client.js';

const MAX_MESSAGE_BYTES = 64 * 1024;
const CHECK_MS = 30_000;
/** Maximum connections without a credential so far. */
const MAX_UNAUTHENTICATED = 500;

/** WebSockets at /ws, and at the root of WEBSOCKET_PORT when that is set. */
@Injectable()
export class WebSockets implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger('WebSockets');
  // No compression: frames are shared between clients, and a small message cannot expand to a large one.
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: selectProtocol,
  });
  readonly #clients = new Set<SocketClient>();
  readonly #timer = setInterval(() => this.#checkAll(), CHECK_MS).unref();
  #own: Server | undefined;
  #unauthenticated = 0;

  constructor(
    private readonly feeds: Feeds,
    private readonly config: Config,
    private readonly draining: Draining,
    private readonly http: HttpAdapterHost,
    private readonly admission: Admission,
    private readonly callers: LiveCallers,
    private readonly listeners: Listeners,
    private readonly rules: WebRules,
    private readonly tls: ServerTls,
  ) {
    draining.signal.addEventListener('abort', () => {
      for (const client of this.#clients) client.end(CLOSE.goingAway, 'going away');
    });
  }

  /** The separate port, if there is one. */
  get port(): number | undefined {
    return (this.#own?.address() as AddressInfo | null | undefined)?.port;
  }

  async onApplicationBootstrap(): Promise<void> {
    this.#serve(this.http.httpAdapter.getHttpServer() as Server, { paths: ['/ws'], anyPort: false });
    const { port } = this.config.webSocket;
    if (port === undefined) return;
    this.#own = this.tls.createServer((_request, response) => {
      response.writeHead(426, { connection: 'Upgrade', upgrade: 'websocket', 'content-type': 'text/plain' });
      response.end('Only WebSockets are served here\n');
    });
    // Pages of older routers come from another port of the same host.
    this.#serve(this.#own, { paths: ['/', '/ws'], anyPort: true });
    this.#own.maxConnections = this.config.maxConnections;
    this.#own.listen(port, this.config.host);
    await once(this.#own, 'listening');
    this.#logger.log(`serving on ${this.tls.options === undefined ? 'ws' : 'wss'}://${this.config.host}:${this.port}`);
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    this.#own?.close();
    this.#own?.closeAllConnections();
    this.#server.close();
  }

  #serve(server: Server, { paths, anyPort }: { readonly paths: readonly string[]; readonly anyPort: boolean }): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.headers.upgrade?.toLowerCase() !== 'websocket')
        return void ignoreUpgrade(server, request, socket, head);
      // Ignore errors until the library handles the socket.
      const ignore = () => undefined;
      socket.on('error', ignore);
      const [path = ''] = (request.url ?? '').split('?', 1);
      try {
        this.rules.checkUpgrade(request, { anyPort });
      } catch (error) {
        return refuseFor(socket, error);
      }
      if (!paths.includes(path)) return refuse(socket, '404 Not Found');
      if (this.draining.hasBegun) return refuse(socket, '503 Service Unavailable', { 'retry-after': '1' });
      SocketAccess.of(request, this.admission, this.callers).then(
        (access) => this.#open(request, socket, head, access, () => socket.off('error', ignore)),
        (error: unknown) => refuseFor(socket, error),
      );
    });
  }

  #open(request: IncomingMessage, socket: Duplex, head: Buffer, access: SocketAccess, onOpen: () => void): void {
    // Connections without a credential must not take the places of callers.
    if (access.caller === undefined && this.#unauthenticated >= MAX_UNAUTHENTICATED)
      return refuse(socket, '503 Service Unavailable', { 'retry-after': '1' });
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      onOpen();
      let leave: () => void = () => undefined;
      let isStranger = access.caller === undefined;
      const know = () => {
        if (isStranger) this.#unauthenticated--;
        isStranger = false;
      };
      if (isStranger) this.#unauthenticated++;
      const enter = () => {
        know();
        leave = this.listeners.enter('websocket');
      };
      const context = { feeds: this.feeds, access, maxBytes: () => this.listeners.bufferBytes, enter };
      const client = new SocketClient(webSocket, socket, context, () => {
        this.#clients.delete(client);
        know();
        leave();
      });
      this.#clients.add(client);
    });
  }

  #checkAll(): void {
    for (const client of this.#clients) client.check();
  }
}

/** Refuses an upgrade with an HTTP answer. */
function refuse(socket: Duplex, status: string, headers: Readonly<Record<string, string>> = {}, body = ''): void {
  const all = { connection: 'close', 'content-length': String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`);
}

/** Refuses an upgrade with the problem document of an error. */
function refuseFor(socket: Duplex, error: unknown): void {
  if (!(error instanceof ServiceError)) return refuse(socket, '500 Internal Server Error');
  const { status, headers, body } = problemOf(error, 'none');
  refuse(socket, `${status} ${STATUS_CODES[status]}`, headers, body);
}
