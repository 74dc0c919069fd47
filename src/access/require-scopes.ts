import type { Caller } from '../http/caller.js';
import { InsufficientScopeError } from './access-errors.js';
import { maskOf, type Scope } from './scopes.js';

/** Checks scopes that the body of a request needs, beyond the scope of its route. @throws InsufficientScopeError */
export function requireScopes(caller: Caller, scopes: readonly Scope[]): void {
  const missing = maskOf(scopes) & ~caller.scopes;
  if (missing !== 0) throw new InsufficientScopeError(missing);
}
