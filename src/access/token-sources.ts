import type { Caller } from '../http/caller.js';
import { isJwt } from './jwt-callers.js';
import type { OperatorToken } from './operator-token.js';
import { OPERATOR_CALLER } from './operator-token.js';
import { parseToken } from './token.js';
import type { TokenSource, Verified } from './verified.js';

export interface TokenSourcesParts {
  /** ADMIN_TOKEN, or the token file of this service. */
  readonly operator: OperatorToken | undefined;
  readonly keys: TokenSource;
  /** Absent without JWT_ISSUER. */
  readonly users: TokenSource | undefined;
}

/** Returns a function that chooses, by the form of a token, the source that can verify it. */
export function sourcesOf({ operator, keys, users }: TokenSourcesParts): (token: string) => TokenSource | undefined {
  const settings = new SettingsSource(OPERATOR_CALLER);
  return (token) => {
    if (operator?.is(token) === true) return settings;
    if (isJwt(token)) return users;
    return parseToken(token) === undefined ? undefined : keys;
  };
}

/** A token of the settings: valid as long as the process runs. */
class SettingsSource implements TokenSource {
  readonly times = { cacheTtlMs: Infinity, offlineTtlMs: Infinity };

  constructor(private readonly caller: Caller) {}

  verify(): Promise<Verified> {
    return Promise.resolve({ caller: this.caller, endsAtMs: Infinity });
  }

  watch(): () => void {
    return () => undefined;
  }
}
