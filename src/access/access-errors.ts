import { shownMeta } from '../engine/errors.js';
import type { WorkflowMeta } from '../engine/records/workflow-meta.js';
import { ServiceError } from '../service-error.js';
import { scopesOf } from './scopes.js';

export class UnauthenticatedError extends ServiceError {
  readonly code = 'UNAUTHENTICATED';

  constructor(
    message = 'This request needs a key of this service, as Authorization: Bearer <key> or X-API-Key: <key>',
  ) {
    super(message);
  }
}

/**
 * The same error for an unknown, a wrong and a revoked key, so that it helps no attacker. For a signed token the
 * message names the wrong claim.
 */
export class InvalidCredentialError extends ServiceError {
  readonly code = 'INVALID_CREDENTIAL';

  constructor(message = 'The credential of this request is not valid here') {
    super(message);
  }
}

/** Thrown only if the secret was right. */
export class CredentialExpiredError extends ServiceError {
  readonly code = 'CREDENTIAL_EXPIRED';

  constructor(message = 'The credential of this request has expired; ask for a new one') {
    super(message);
  }
}

export class CredentialInUrlError extends ServiceError {
  readonly code = 'CREDENTIAL_IN_URL';

  constructor() {
    super(
      'A credential in a URL gets into logs and histories: replace the credential, and send it as Authorization: Bearer',
    );
  }
}

export class InsufficientScopeError extends ServiceError {
  readonly code = 'INSUFFICIENT_SCOPE';

  /** `missing`: bits of the scopes that the caller lacks. */
  constructor(missing: number, message?: string) {
    const scope = scopesOf(missing).join(' ');
    super(message ?? `The caller may not do this; it needs ${scope}`, { extensions: { scope } });
  }
}

/** The tenant of a valid credential was erased, or never existed. */
export class TenantGoneError extends ServiceError {
  readonly code = 'INVALID_CREDENTIAL';

  constructor() {
    super('The tenant of this credential does not exist here');
  }
}

export class TenantSuspendedError extends ServiceError {
  readonly code = 'TENANT_SUSPENDED';

  constructor() {
    super('The tenant of this credential is suspended; an operator of this service can activate it again');
  }
}

export class AddressNotAllowedError extends ServiceError {
  readonly code = 'ADDRESS_NOT_ALLOWED';

  constructor() {
    super('This credential is not accepted from this address');
  }
}

/** The condition of a request on a key, a tenant or its settings is not met. */
export class RecordChangedError extends ServiceError {
  readonly code = 'VERSION_CONFLICT';

  constructor(current: WorkflowMeta | undefined) {
    const [message, shown] =
      current === undefined
        ? ['It does not exist, but a version of it was expected', null]
        : [`The current version is ${current.version}, which is not the expected one`, shownMeta(current)];
    super(message, { extensions: { current: shown } });
  }
}

export class TenantExistsError extends ServiceError {
  readonly code = 'ALREADY_EXISTS';

  constructor(tenant: string) {
    super(`Tenant ${tenant} exists already`);
  }
}

export class KeyExistsError extends ServiceError {
  readonly code = 'ALREADY_EXISTS';

  constructor(id: string) {
    super(`Key ${id} exists already`);
  }
}

/** A rotation to a secret that an earlier rotation has replaced. */
export class OldSecretError extends ServiceError {
  readonly code = 'ALREADY_EXISTS';

  constructor() {
    super('This secret of the key was replaced, and is not accepted for longer; make a new one');
  }
}

export class KeyNotFoundError extends ServiceError {
  readonly code = 'KEY_NOT_FOUND';

  constructor(id: string, why = 'does not exist: never made, deleted, or long revoked') {
    super(`Key ${id} ${why}`);
  }
}

export class TenantErasingError extends ServiceError {
  readonly code = 'ALREADY_EXISTS';

  constructor(tenant: string) {
    super(`Tenant ${tenant} is being erased; create it again when the erasure has ended`);
  }
}

export class TenantNotFoundError extends ServiceError {
  readonly code = 'TENANT_NOT_FOUND';

  constructor(tenant: string) {
    super(`Tenant ${tenant} does not exist: never created, or erased`);
  }
}

const STORE_AWAY = 'The credential cannot be verified, because the store is unreachable; repeat the request';

/**
 * The credential cannot be verified: the store or the issuer of tokens is unreachable, and this replica does not know
 * the credential.
 */
export class AccessUnknownError extends ServiceError {
  readonly code = 'ACCESS_UNKNOWN';
  override readonly retryAfterSeconds = 1;

  constructor({ message = STORE_AWAY, ...options }: ErrorOptions & { readonly message?: string } = {}) {
    super(message, options);
  }
}

/** Error that admission answers instead of an error of the store. */
export function asAccessError(error: unknown): unknown {
  const isAway = error instanceof ServiceError && error.code === 'STORE_UNAVAILABLE';
  return isAway ? new AccessUnknownError({ cause: error }) : error;
}
