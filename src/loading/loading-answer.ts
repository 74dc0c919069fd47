import { StoreLoadingError } from '../engine/errors.js';
import { problemOf } from '../http/problem.js';

export interface LoadingAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface LoadState {
  readonly percent: number;
  readonly retryAfterSeconds: number;
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

/** Answer to a request before the data is loaded: probes get the reports that the service gives later, all else a problem. */
export function loadingAnswer(
  path: string,
  requestId: string,
  { percent, retryAfterSeconds }: LoadState,
): LoadingAnswer {
  switch (path) {
    case '/health/live':
      return {
        status: 200,
        headers: JSON_TYPE,
        body: JSON.stringify({ status: 'ok', info: {}, error: {}, details: {} }),
      };
    case '/health':
    case '/health/ready': {
      const storage = { status: 'down', engine: 'memory', isLoading: true, percent };
      const body = JSON.stringify({ status: 'error', info: {}, error: { storage }, details: { storage } });
      return { status: 503, headers: { ...JSON_TYPE, 'retry-after': '1' }, body };
    }
    default:
      return problemOf(new StoreLoadingError(percent, retryAfterSeconds), requestId);
  }
}
