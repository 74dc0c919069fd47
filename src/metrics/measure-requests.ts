import type { AnswerListener } from '../http/hooks.js';
import type { Metrics } from './metrics.js';

/** Times requests by route. All requests without a route share the label `none`. */
export function measureRequests(metrics: Metrics): AnswerListener {
  return (request, reply, ms) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    metrics.request(request.method, route, reply.statusCode, ms / 1000);
  };
}
