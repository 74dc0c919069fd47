import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { setCaller, type Caller } from '../http/caller.js';
import { InvalidHeaderError } from '../http/http-errors.js';
import { ServiceError, type ErrorCode } from '../service-error.js';
import {
  CredentialInUrlError,
  InsufficientScopeError,
  TenantNotFoundError,
  UnauthenticatedError,
} from './access-errors.js';
import { credentialOf, holdsCredential } from './credential.js';
import { requiredBeside } from './require-scopes.js';
import { accessOfRoute, NO_ROUTE, type Operation, type RouteAccess } from './routes.js';
import { maskOf, OPEN_SCOPES } from './scopes.js';
import type { KnownTenant, TenantRecords } from './tenants/tenant-records.js';
import { TENANT, TENANT_RULE } from './token.js';

/** A condition for every request, checked before its credential. */
export interface RequestRule {
  /** False if the rule has answered the request itself. @throws ServiceError to refuse it */
  check(request: FastifyRequest, reply: FastifyReply): boolean;
}

/** A condition for requests without a credential, in open mode. */
export interface OpenRule {
  /** Returns a promise only if it has to wait. @throws ServiceError to refuse the request */
  check(request: IncomingMessage): void | Promise<void>;
}

/**
 * Takes the cost of a request from its limits, and sets the headers that show what is left. @throws ServiceError if too
 * little is left
 */
export interface Limiter {
  take(caller: Caller, operation: Operation, request: Counted, reply: HeaderTarget): void | Promise<void>;
  /** Takes the cost of a request without a valid credential. `isWrong`: it had a credential, which is not valid. */
  takeRefused(isWrong: boolean, request: Counted, reply: HeaderTarget): void | Promise<void>;
}

/** A request as limits see it. */
export interface Counted {
  readonly raw: IncomingMessage;
}

export interface HeaderTarget {
  header(name: string, value: unknown): HeaderTarget;
}

/** For upgrades, whose answer has no such headers. */
const NO_HEADERS: HeaderTarget = { header: () => NO_HEADERS };

/** Finds the caller of a credential, which is `Bearer <token>`. @throws ServiceError */
export interface Verifier {
  find(credential: string, request: IncomingMessage): Caller | Promise<Caller>;
}

export interface AdmissionParts {
  /** Serve callers without a credential. */
  readonly isOpen: boolean;
  /** In this order: host, origin. */
  readonly rules: readonly RequestRule[];
  /** Undefined if every caller is served without a credential. */
  readonly openRule?: OpenRule | undefined;
  readonly verifier: Verifier;
  readonly tenants: Pick<TenantRecords, 'find'>;
  readonly limiter?: Limiter;
}

export const OPEN_CALLER: Caller = { tenant: 'default', by: 'anonymous', kind: 'open', scopes: OPEN_SCOPES };

const OPERATOR = maskOf(['operator']);
const ACCESS = Symbol('access');

type WithAccess = { [ACCESS]?: RouteAccess };

/**
 * Decides about every request, before its body is read: host, origin, credential (401), scope (403), limits (429).
 * The decision uses the route that the server matched, so no spelling of a path gets around it.
 */
export class Admission {
  /** Names of the registered routes, as in the table. */
  readonly routes = new Set<string>();

  constructor(private readonly parts: AdmissionParts) {}

  /** Must run before the routes are registered. */
  watchRoutes(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route) => {
      const methods = [route.method].flat().map((method) => (method === 'HEAD' ? 'GET' : method));
      const [method = ''] = methods;
      const access = accessOfRoute(method, route.url);
      this.routes.add(`${method} ${route.url}`);
      route.config = { ...route.config, [ACCESS]: access } as NonNullable<typeof route.config>;
    });
  }

  /** False if the request was answered. Returns a promise only if it has to wait. @throws ServiceError */
  admit(request: FastifyRequest, reply: FastifyReply): boolean | Promise<boolean> {
    for (const rule of this.parts.rules) if (!rule.check(request, reply)) return false;
    if (holdsCredential(request.raw.url ?? '')) throw new CredentialInUrlError();
    const access = accessOf(request);
    if (access.isPublic) return true;
    let caller: Caller | Promise<Caller>;
    try {
      caller = this.#authenticate(request.raw);
    } catch (error) {
      return this.#refuse(error, request, reply);
    }
    if (!(caller instanceof Promise)) return this.#enter(caller, access, request, reply);
    return caller.then(
      (known) => this.#enter(known, access, request, reply),
      (error: unknown) => this.#refuse(error, request, reply),
    );
  }

  /**
   * Checks again whether an admitted request may go on. Returns a promise only if it has to wait.
   * @throws ServiceError with 401, 403 or 503
   */
  checkAgain(request: FastifyRequest): unknown {
    return this.find(request.raw, accessOf(request).scopes | requiredBeside(request));
  }

  /**
   * The caller of a request outside of the framework, if it has these scopes. `credential`: `Bearer <token>`; by
   * default that of the headers.
   * @throws ServiceError with 401, 403 or 503
   */
  find(request: IncomingMessage, scopes: number, credential?: string): Caller | Promise<Caller> {
    const caller = this.#authenticate(request, credential);
    return caller instanceof Promise
      ? caller.then((known) => this.#inside(request.headers, scopes, known))
      : this.#inside(request.headers, scopes, caller);
  }

  /**
   * Admits an upgrade, or a credential that a WebSocket brings later: as `find`, and counted like a read.
   * @throws ServiceError with 401, 403, 429 or 503
   */
  async admitUpgrade(request: IncomingMessage, scopes: number, credential: string): Promise<Caller> {
    const counted = { raw: request };
    let caller: Caller;
    try {
      caller = await this.find(request, scopes, credential);
    } catch (error) {
      return this.#refuse(error, counted, NO_HEADERS);
    }
    await this.parts.limiter?.take(caller, 'read', counted, NO_HEADERS);
    return caller;
  }

  #authenticate(request: IncomingMessage, credential = credentialOf(request.headers)): Caller | Promise<Caller> {
    const { isOpen, openRule, verifier } = this.parts;
    if (credential !== undefined) return verifier.find(credential, request);
    if (!isOpen) throw new UnauthenticatedError();
    const checked = openRule?.check(request);
    return checked === undefined ? OPEN_CALLER : checked.then(() => OPEN_CALLER);
  }

  #enter(
    caller: Caller,
    { scopes, operation }: RouteAccess,
    request: FastifyRequest,
    reply: FastifyReply,
  ): boolean | Promise<boolean> {
    const inside = this.#inside(request.headers, scopes, caller);
    if (!(inside instanceof Promise)) return this.#pass(inside, operation, request, reply);
    return inside.then((acting) => this.#pass(acting, operation, request, reply));
  }

  #pass(
    caller: Caller,
    operation: Operation,
    request: FastifyRequest,
    reply: FastifyReply,
  ): boolean | Promise<boolean> {
    setCaller(request, caller);
    const taken = this.parts.limiter?.take(caller, operation, request, reply);
    return taken instanceof Promise ? taken.then(() => true) : true;
  }

  /**
   * The caller, if it has these scopes. For an operator: in the tenant that it names, even if that is suspended.
   * @throws UnauthenticatedError @throws InsufficientScopeError @throws TenantNotFoundError
   */
  #inside({ 'waymark-tenant': tenant }: IncomingHttpHeaders, scopes: number, caller: Caller): Caller | Promise<Caller> {
    const missing = scopes & ~caller.scopes;
    if (missing !== 0) {
      if (caller.kind === 'open') throw new UnauthenticatedError(OPEN_REFUSAL);
      throw new InsufficientScopeError(missing);
    }
    return tenant === undefined ? caller : this.#actingIn(String(tenant), caller);
  }

  #actingIn(name: string, caller: Caller): Caller | Promise<Caller> {
    if ((caller.scopes & OPERATOR) === 0)
      throw new InsufficientScopeError(OPERATOR, 'Waymark-Tenant is for operators; the tenant of a key is in the key');
    if (!TENANT.test(name)) throw new InvalidHeaderError('Waymark-Tenant', TENANT_RULE);
    const acting = ({ value }: KnownTenant): Caller => {
      if (value === undefined || value.status === 'erasing') throw new TenantNotFoundError(name);
      return { ...caller, tenant: name };
    };
    const tenant = this.parts.tenants.find(name);
    return tenant instanceof Promise ? tenant.then(acting) : acting(tenant);
  }

  /** Takes the cost of a request without a valid credential from its address. */
  #refuse(error: unknown, request: Counted, reply: HeaderTarget): Promise<never> {
    const isOf401 = error instanceof ServiceError && OF_401.includes(error.code);
    const taken = isOf401
      ? this.parts.limiter?.takeRefused(error.code === 'INVALID_CREDENTIAL', request, reply)
      : undefined;
    if (!(taken instanceof Promise)) throw error;
    return taken.then(() => {
      throw error;
    });
  }
}

const OF_401: readonly ErrorCode[] = ['UNAUTHENTICATED', 'INVALID_CREDENTIAL', 'CREDENTIAL_EXPIRED'];

const OPEN_REFUSAL =
  'This route needs a credential, also on an open service: send a key, ADMIN_TOKEN, or the token in the file operator-token of DATA_DIR, as Authorization: Bearer';

function accessOf({ routeOptions }: FastifyRequest): RouteAccess {
  return (routeOptions.config as WithAccess | undefined)?.[ACCESS] ?? NO_ROUTE;
}
