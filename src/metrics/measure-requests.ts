import type { AnswerListener } from '../http/hooks.js';
import type { Metrics } from './metrics.js';

/** Times every request by its route. What met no route is one label together, whatever its path was. */
export function measureRequests(metrics: Metrics): AnswerListener {
  return (request, reply, ms) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    metrics.request(request.method, route, reply.statusCode, ms / 1000);
  };
}
