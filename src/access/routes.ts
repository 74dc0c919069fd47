import { maskOf, type Scope } from './scopes.js';

/** Kind of request that limits count. */
export const OPERATIONS = ['read', 'write', 'enqueue', 'claim', 'publish'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Requirement of a route: one scope, a credential with any scopes (`any`), or no credential (`public`). */
type Row = readonly [Scope | 'any' | 'public', Operation];

/**
 * Every route that the server registers. HEAD has the row of GET. The service does not start if a route has no row, so
 * that no new route is open by mistake.
 */
const ROUTES: Readonly<Record<string, Row>> = {
  'GET /health/live': ['public', 'read'],
  'GET /health/ready': ['public', 'read'],
  'GET /status': ['public', 'read'],
  'GET /problems/:type': ['public', 'read'],

  'GET /health': ['service:read', 'read'],
  'GET /metrics': ['service:read', 'read'],
  'GET /openapi.json': ['service:read', 'read'],
  'GET /asyncapi.yaml': ['service:read', 'read'],
  'GET /docs': ['service:read', 'read'],
  'GET /docs/': ['service:read', 'read'],
  'GET /docs/*': ['service:read', 'read'],
  'GET /docs/LICENSE': ['service:read', 'read'],
  'GET /docs/index.html': ['service:read', 'read'],
  'GET /docs/swagger-ui-init.js': ['service:read', 'read'],
  'GET /docs/docs/swagger-ui-init.js': ['service:read', 'read'],
  'GET /examples/live.html': ['service:read', 'read'],

  'GET /v1/workflows': ['workflows:read', 'read'],
  'POST /v1/workflows': ['workflows:write', 'write'],
  'DELETE /v1/workflows': ['workflows:write', 'write'],
  'GET /v1/workflows/count': ['workflows:read', 'read'],
  'POST /v1/workflows/batch-get': ['workflows:read', 'read'],
  'GET /v1/workflows/:id': ['workflows:read', 'read'],
  'PUT /v1/workflows/:id': ['workflows:write', 'write'],
  'DELETE /v1/workflows/:id': ['workflows:write', 'write'],
  'POST /v1/workflows/:id/touch': ['workflows:write', 'write'],
  'GET /v1/workflows/:id/state': ['workflows:read', 'read'],
  'PUT /v1/workflows/:id/state': ['workflows:write', 'write'],
  'PATCH /v1/workflows/:id/state': ['workflows:write', 'write'],
  'DELETE /v1/workflows/:id/state': ['workflows:write', 'write'],
  'PUT /v1/workflows/:id/status': ['workflows:write', 'write'],
  'PATCH /v1/workflows/:id/sections/:sectionId': ['workflows:write', 'write'],
  'POST /v1/workflows/:id/logs': ['workflows:write', 'write'],
  'POST /v1/workflows/:id/exhibits': ['workflows:write', 'write'],
  'GET /v1/workflows/:id/versions': ['workflows:read', 'read'],
  'GET /v1/workflows/:id/versions/:version': ['workflows:read', 'read'],
  'GET /v1/workflows/:id/versions/:from/diff/:to': ['workflows:read', 'read'],
  'POST /v1/workflows/:id/restore': ['workflows:write', 'write'],
  'POST /v1/workflows/:id/fork': ['workflows:write', 'write'],
  'GET /v1/workflows/:id/conflicts': ['workflows:read', 'read'],
  'GET /v1/workflows/:id/conflicts/:n': ['workflows:read', 'read'],
  'POST /v1/workflows/:id/conflicts/:n/resolve': ['workflows:write', 'write'],
  'GET /v1/workflows/:id/events': ['workflows:read', 'read'],
  'GET /v1/workflows/:id/tasks': ['tasks:read', 'read'],

  'GET /v1/queues': ['tasks:read', 'read'],
  'GET /v1/queues/:queue': ['tasks:read', 'read'],
  'GET /v1/queues/:queue/dead': ['tasks:read', 'read'],
  'POST /v1/queues/:queue/tasks': ['tasks:enqueue', 'enqueue'],
  'POST /v1/queues/:queue/tasks/batch': ['tasks:enqueue', 'enqueue'],
  'POST /v1/queues/:queue/claims': ['tasks:work', 'claim'],
  'POST /v1/queues/:queue/pause': ['tasks:manage', 'write'],
  'POST /v1/queues/:queue/resume': ['tasks:manage', 'write'],
  'POST /v1/queues/:queue/dead/replay': ['tasks:manage', 'write'],
  'DELETE /v1/queues/:queue/dead': ['tasks:manage', 'write'],
  'GET /v1/tasks/:id': ['tasks:read', 'read'],
  'GET /v1/tasks/:id/events': ['tasks:read', 'read'],
  'POST /v1/tasks/:id/heartbeat': ['tasks:work', 'write'],
  'POST /v1/tasks/:id/progress': ['tasks:work', 'write'],
  'POST /v1/tasks/:id/complete': ['tasks:work', 'write'],
  'POST /v1/tasks/:id/fail': ['tasks:work', 'write'],
  'POST /v1/tasks/:id/release': ['tasks:work', 'write'],
  'POST /v1/tasks/batch-complete': ['tasks:work', 'write'],
  // A caller that may add tasks may also cancel them.
  'POST /v1/tasks/:id/cancel': ['tasks:enqueue', 'write'],

  // Scopes of the parts are checked when the body has been read.
  'POST /v1/commits': ['any', 'write'],

  'GET /v1/events': ['events:read', 'read'],
  'POST /v1/channels/:channel/messages': ['events:publish', 'publish'],

  'POST /v1/routing': ['routing', 'write'],
  'POST /api/routing/test': ['routing', 'read'],
  'GET /api/routing/test': ['routing', 'read'],
  'GET /v1/agents': ['routing', 'read'],
  // An agent is a worker and reports its own status.
  'POST /v1/agents/:id/status': ['tasks:work', 'write'],

  'GET /v1/whoami': ['any', 'read'],
  'GET /v1/keys': ['keys:manage', 'read'],
  'POST /v1/keys': ['keys:manage', 'write'],
  'GET /v1/keys/:id': ['keys:manage', 'read'],
  'PATCH /v1/keys/:id': ['keys:manage', 'write'],
  'DELETE /v1/keys/:id': ['keys:manage', 'write'],
  'POST /v1/keys/:id/rotate': ['keys:manage', 'write'],
  'POST /v1/keys/:id/revoke': ['keys:manage', 'write'],

  'GET /v1/limits': ['any', 'read'],
  'POST /v1/limits/:name/take': ['limits:take', 'write'],
  'POST /v1/limits/:name/give': ['limits:take', 'write'],
  'DELETE /v1/limits/:name': ['tenant:manage', 'write'],

  'GET /v1/tenant': ['any', 'read'],
  'PATCH /v1/tenant/settings': ['tenant:manage', 'write'],
  'GET /v1/tenants': ['operator', 'read'],
  'GET /v1/tenants/:tenant': ['operator', 'read'],
  'PUT /v1/tenants/:tenant': ['operator', 'write'],
  'PATCH /v1/tenants/:tenant': ['operator', 'write'],
  'DELETE /v1/tenants/:tenant': ['operator', 'write'],

  'GET /v1/export': ['operator', 'read'],
  'POST /v1/export': ['operator', 'read'],
  'POST /v1/import': ['operator', 'write'],
  'GET /v1/admin/attach': ['operator', 'read'],
  'POST /v1/admin/attach': ['operator', 'write'],
};

/** The row of a route, in the form that admission compares with each request. */
export interface RouteAccess {
  readonly isPublic: boolean;
  /** Bits of the scope; 0 for any caller. */
  readonly scopes: number;
  readonly operation: Operation;
}

/**
 * Access of requests without a route, of OPTIONS and of wrong methods. They need a credential, but no scope: without
 * one, nobody can find out which paths exist.
 */
export const NO_ROUTE: RouteAccess = { isPublic: false, scopes: 0, operation: 'read' };

const ACCESS = new Map(Object.entries(ROUTES).map(([route, row]) => [route, accessOf(row)]));

function accessOf([scope, operation]: Row): RouteAccess {
  const isOpen = scope === 'any' || scope === 'public';
  return { isPublic: scope === 'public', scopes: isOpen ? 0 : maskOf([scope]), operation };
}

/** Names of all rows: `METHOD /url`. */
export const routeNames: readonly string[] = Object.keys(ROUTES);

/** @throws Error for a route without a row */
export function accessOfRoute(method: string, url: string): RouteAccess {
  const route = `${method === 'HEAD' ? 'GET' : method} ${url}`;
  const access = ACCESS.get(route);
  if (access === undefined) throw new Error(`The route ${route} has no row in src/access/routes.ts`);
  return access;
}
