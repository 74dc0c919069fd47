import type { FastifyRequest } from 'fastify';
import { callerOf, type Caller } from '../http/caller.js';
import { InsufficientScopeError } from './access-errors.js';
import { maskOf, type Scope } from './scopes.js';

/** Checks scopes that the body of a request needs, beyond the scope of its route. @throws InsufficientScopeError */
export function requireScopes(caller: Caller, scopes: readonly Scope[]): void {
  const missing = maskOf(scopes) & ~caller.scopes;
  if (missing !== 0) throw new InsufficientScopeError(missing);
}

const REQUIRED = new WeakMap<FastifyRequest, number>();

/** The same for a request that lasts: it ends when its caller loses one of the scopes. @throws InsufficientScopeError */
export function requireScopesThroughout(request: FastifyRequest, scopes: readonly Scope[]): void {
  requireScopes(callerOf(request), scopes);
  REQUIRED.set(request, requiredBeside(request) | maskOf(scopes));
}

/** Bits of the scopes that a request needs beyond the scope of its route. */
export function requiredBeside(request: FastifyRequest): number {
  return REQUIRED.get(request) ?? 0;
}
