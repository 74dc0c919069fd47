import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { requestIdOf } from '../logging/request-log.js';
import { loadingAnswer } from './loading-answer.js';
import type { Loading } from './loading.js';

interface Ports {
  createServer(listener: (request: IncomingMessage, response: ServerResponse) => void): Server;
}

/**
 * Server on the port of the service while the data is loaded: it answers that the service is loading. Afterwards the
 * server of the service takes over the port, so that somebody listens at every moment.
 */
export class LoadingServer {
  readonly #server: Server;
  #successor: Server | undefined;

  private constructor(
    ports: Ports,
    private readonly loading: Loading,
  ) {
    this.#server = ports.createServer((request, response) => this.#answer(request, response));
  }

  static async listen(ports: Ports, loading: Loading, port: number, host: string): Promise<LoadingServer> {
    const loader = new LoadingServer(ports, loading);
    loader.#server.listen(port, host);
    await once(loader.#server, 'listening');
    return loader;
  }

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  /** Connections that are open go on with `successor` too. */
  async handOver(successor: Server): Promise<void> {
    successor.listen(this.#server);
    await once(successor, 'listening');
    this.#successor = successor;
    this.#server.on('upgrade', (...request: unknown[]) => successor.emit('upgrade', ...request));
    // A server without connections does not keep its port: it is that of the successor now, which closes it.
    this.#server.closeIdleConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#successor !== undefined) {
      this.#successor.emit('request', request, response);
      return;
    }
    const requestId = requestIdOf(request);
    const [path = ''] = (request.url ?? '').split('?');
    const { status, headers, body } = loadingAnswer(path, requestId, this.loading);
    response.writeHead(status, {
      ...headers,
      'x-request-id': requestId,
      'x-waymark-storage': 'memory',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
      'content-length': Buffer.byteLength(body),
      // The body of the request is not read, and the next request belongs to another server.
      connection: 'close',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}
