import type { FastifyInstance } from 'fastify';
import type { Metrics } from './metrics.js';

/** Times every request by its route. What met no route is one label together, whatever its path was. */
export function measureRequests(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    metrics.request(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
