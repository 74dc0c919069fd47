import { ServiceError } from '../../service-error.js';

/** A sealed text needs a key that this process does not have, perhaps not yet: a new key may not be everywhere. */
export class SealKeyUnknownError extends ServiceError {
  readonly code = 'SEAL_KEY_UNKNOWN';
  override readonly retryAfterSeconds = 1;

  constructor(kid: string) {
    super(
      `This was sealed with the key ${kid}, which is neither TOKEN_ENCRYPTION_KEY nor one of TOKEN_ENCRYPTION_OLD_KEYS here`,
    );
  }
}

/** A sealed text was changed, or belongs to something else. */
export class SealBrokenError extends ServiceError {
  readonly code = 'SEAL_BROKEN';

  constructor(what: string, options: ErrorOptions = {}) {
    super(`${what} cannot be opened: its seal was changed, or is that of something else`, options);
  }
}

/** Sealing needs a key, and there is none. */
export class EncryptionUnavailableError extends ServiceError {
  readonly code = 'ENCRYPTION_UNAVAILABLE';

  constructor() {
    super('TOKEN_ENCRYPTION_KEY is not set here, so nothing can be sealed or opened: openssl rand -hex 32 makes a key');
  }
}
