/**
 * Scopes of callers, one bit each. A key stores the names of its scopes, so the bits may change between versions;
 * requests compare bits.
 */
const NAMES = [
  'workflows:read',
  'workflows:write',
  'tasks:read',
  'tasks:enqueue',
  'tasks:work',
  'tasks:manage',
  'events:read',
  'events:publish',
  'routing',
  'limits:take',
  'service:read',
  'keys:manage',
  'tenant:manage',
  'operator',
] as const;

export type Scope = (typeof NAMES)[number];

/** Scopes that a key of a tenant may have. */
export const TENANT_SCOPES: readonly Scope[] = NAMES.filter((name) => name !== 'operator');

export function maskOf(scopes: readonly Scope[]): number {
  return scopes.reduce((mask, scope) => mask | (1 << NAMES.indexOf(scope)), 0);
}

export function scopesOf(mask: number): readonly Scope[] {
  return NAMES.filter((scope) => (mask & maskOf([scope])) !== 0);
}

const READER: readonly Scope[] = ['workflows:read', 'tasks:read', 'events:read', 'service:read'];
const WORKER: readonly Scope[] = [
  'workflows:read',
  'workflows:write',
  'tasks:read',
  'tasks:work',
  'events:publish',
  'limits:take',
];
const WRITER: readonly Scope[] = [...WORKER, 'tasks:enqueue', 'events:read', 'routing'];

/** Roles: named sets of scopes. Only an operator may act in other tenants. */
export const ROLES = {
  reader: maskOf(READER),
  worker: maskOf(WORKER),
  writer: maskOf(WRITER),
  admin: maskOf(TENANT_SCOPES),
  operator: maskOf(NAMES),
} as const;

export type Role = keyof typeof ROLES;

/** Scopes of a caller without a credential, if the service is open. */
export const OPEN_SCOPES = ROLES.admin & ~maskOf(['keys:manage', 'tenant:manage']);
