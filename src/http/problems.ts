import type { ErrorCode } from '../service-error.js';

/** How each code looks over HTTP. A code without a row does not compile; docs/problems.md explains each to clients. */
export const PROBLEMS: Readonly<Record<ErrorCode, { readonly status: number; readonly title: string }>> = {
  ALREADY_EXISTS: { status: 409, title: 'Workflow already exists' },
  BAD_REQUEST: { status: 400, title: 'Request not understood' },
  FEED_RESET: { status: 410, title: 'Another feed' },
  FEED_TRIMMED: { status: 410, title: 'Events no longer kept' },
  IDEMPOTENCY_IN_PROGRESS: { status: 409, title: 'First request with this key is still running' },
  IDEMPOTENCY_MISMATCH: { status: 422, title: 'Idempotency-Key used for another request' },
  IDEMPOTENCY_NOT_SUPPORTED: { status: 422, title: 'Idempotency-Key not supported here' },
  INTERNAL_ERROR: { status: 500, title: 'Internal error' },
  INVALID_BODY: { status: 422, title: 'Body not valid' },
  INVALID_CURSOR: { status: 400, title: 'Cursor not valid' },
  INVALID_HEADER: { status: 400, title: 'Header not valid' },
  INVALID_ID: { status: 422, title: 'Id not valid' },
  INVALID_JSON: { status: 400, title: 'Body is not JSON' },
  INVALID_QUERY: { status: 422, title: 'Query not valid' },
  JSON_REFUSED: { status: 422, title: 'JSON that cannot be kept faithfully' },
  LEASE_LOST: { status: 409, title: 'Lease lost' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  OUTCOME_UNKNOWN: { status: 503, title: 'Outcome unknown' },
  PATCH_INVALID: { status: 422, title: 'Patch cannot be applied' },
  PATCH_TEST_FAILED: { status: 409, title: 'Test operation failed' },
  QUEUE_FULL: { status: 429, title: 'Queue full' },
  REQUEST_TIMEOUT: { status: 408, title: 'Request took too long to arrive' },
  ROUTE_NOT_FOUND: { status: 404, title: 'No such route' },
  SECTION_NOT_FOUND: { status: 404, title: 'Section not found' },
  STATE_NOT_JSON: { status: 500, title: 'Stored state is not JSON' },
  STATE_SHAPE_CONFLICT: { status: 409, title: 'State has another shape' },
  STATE_TOO_LARGE: { status: 413, title: 'Too large' },
  STATUS_CONFLICT: { status: 409, title: 'Status changed' },
  STORE_FULL: { status: 503, title: 'Store full' },
  STORE_UNAVAILABLE: { status: 503, title: 'Store unavailable' },
  TASK_CANCELLED: { status: 409, title: 'Task cancelled' },
  TASK_ENDED: { status: 409, title: 'Task has ended' },
  TASK_NOT_FOUND: { status: 404, title: 'Task not found' },
  TOO_MANY_TASKS: { status: 409, title: 'Too many open tasks' },
  TOO_MANY_WAITING: { status: 429, title: 'Too many waiting' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Media type not supported' },
  VERSION_CONFLICT: { status: 412, title: 'Precondition failed' },
  VERSION_NOT_FOUND: { status: 404, title: 'Version not found' },
  VERSION_PRUNED: { status: 410, title: 'Version no longer kept' },
  WORKFLOW_NOT_FOUND: { status: 404, title: 'Workflow not found' },
};

export function problemType(code: ErrorCode): string {
  return `/problems/${code.toLowerCase().replaceAll('_', '-')}`;
}
