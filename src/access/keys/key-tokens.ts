import { timingSafeEqual } from 'node:crypto';
import { BlockList } from 'node:net';
import { addRange } from '../../config/address-range.js';
import { systemClock, type Clock } from '../../engine/clock.js';
import type { Engine, Listener } from '../../engine/engine.js';
import type { Caller } from '../../http/caller.js';
import { CredentialExpiredError, InvalidCredentialError } from '../access-errors.js';
import { accessTenantOf, ACCESS_TENANT } from '../../engine/profile.js';
import { DEFAULT_TENANT } from '../tenants/tenant-record.js';
import type { TenantRecords } from '../tenants/tenant-records.js';
import { digestOf, parseToken, type TokenName } from '../token.js';
import type { TokenSource, Verified } from '../verified.js';
import { KEY_PREFIX, maskOfKey, type KeyRecord } from './key-record.js';

/** Record for unknown ids, so that they take as long as wrong secrets. It is revoked, and no token has its digest. */
const NOBODY = JSON.stringify({
  name: 'nobody',
  role: 'reader',
  scopes: null,
  user: null,
  ips: null,
  limit: null,
  metadata: null,
  digests: [{ sha256: '0'.repeat(64), untilMs: null }],
  expiresAtMs: null,
  revokedAtMs: 0,
  createdAtMs: 0,
  createdBy: 'nobody',
  start: '',
} satisfies KeyRecord);

/** Callers by the keys in the store. */
export class KeyTokens implements TokenSource {
  constructor(
    private readonly engine: Engine,
    private readonly tenants: Pick<TenantRecords, 'find'>,
    private readonly clock: Clock = systemClock,
  ) {}

  watch(token: string, listener: Listener): () => void {
    const name = nameIn(token);
    return this.engine.onChange(homeOfToken(name), `workflow ${KEY_PREFIX}${name.id}`, listener);
  }

  async verify(token: string): Promise<Verified> {
    const name = nameIn(token);
    const found = await this.engine.find(homeOfToken(name), KEY_PREFIX + name.id);
    const key = JSON.parse(found?.state ?? NOBODY) as KeyRecord;
    const now = this.clock();
    const digest = digestOf(token);
    // Compares all digests, so that the time does not show which one is right.
    const [right] = key.digests.filter(({ sha256 }) => timingSafeEqual(digest, Buffer.from(sha256, 'hex')));
    if (right === undefined || key.revokedAtMs !== null) throw new InvalidCredentialError();
    if (key.expiresAtMs !== null && key.expiresAtMs <= now) throw new CredentialExpiredError();
    if (right.untilMs !== null && right.untilMs <= now) throw new InvalidCredentialError();
    // Only now, so that nobody without a key makes this replica hold records of tenants, real ones or not.
    const tenant = name.kind === 'key' ? await this.tenants.find(name.tenant) : undefined;
    const endsAtMs = Math.min(key.expiresAtMs ?? Infinity, right.untilMs ?? Infinity);
    return {
      caller: callerOf(name, key, endsAtMs),
      endsAtMs,
      ...(tenant !== undefined && { tenant }),
      ...(key.ips !== null && { addresses: addressesOf(key.ips) }),
    };
  }
}

function nameIn(token: string): TokenName {
  const name = parseToken(token);
  if (name === undefined) throw new InvalidCredentialError();
  return name;
}

function homeOfToken(name: TokenName): string {
  return name.kind === 'key' ? accessTenantOf(name.tenant) : ACCESS_TENANT;
}

/** A secret that was replaced ends before its key, and what is made with it ends then too. */
function callerOf(name: TokenName, { role, scopes, user, limit, name: by }: KeyRecord, endsAtMs: number): Caller {
  return {
    tenant: name.kind === 'key' ? name.tenant : DEFAULT_TENANT,
    by,
    kind: name.kind,
    scopes: maskOfKey({ role, scopes }),
    keyId: name.id,
    ...(role !== null && { role }),
    ...(user !== null && { user }),
    ...(limit !== null && { limit }),
    ...(endsAtMs !== Infinity && { expiresAtMs: endsAtMs }),
  };
}

function addressesOf(ips: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ips) addRange(list, range);
  return list;
}
