import { TenantGoneError } from './access-errors.js';
import type { HoldingTimes } from './held.js';
import type { JwtCallers } from './jwt-callers.js';
import type { TenantRecords } from './tenants/tenant-records.js';
import { TENANT } from './token.js';
import type { TokenSource, Verified } from './verified.js';

/** Time after which the claims of a token are checked again. */
const MAX_CACHE_MS = 60_000;

/**
 * Callers by tokens of the issuer. Tokens are verified without the store; only the records of their tenants are read.
 */
export class UserTokens implements TokenSource {
  readonly times: HoldingTimes;

  constructor(
    private readonly callers: JwtCallers,
    private readonly tenants: TenantRecords,
    { cacheTtlMs }: HoldingTimes,
  ) {
    this.times = { cacheTtlMs: Math.min(cacheTtlMs, MAX_CACHE_MS), offlineTtlMs: 0 };
  }

  async verify(token: string): Promise<Verified> {
    const caller = await this.callers.find(token);
    if (!TENANT.test(caller.tenant)) throw new TenantGoneError();
    return { caller, tenant: await this.tenants.find(caller.tenant), endsAtMs: caller.expiresAtMs ?? Infinity };
  }

  watch(): () => void {
    return () => undefined;
  }
}
