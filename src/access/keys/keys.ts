import { defaultBurst } from '../../config/policies.js';
import type { Expect } from '../../engine/commit.js';
import { systemClock, type Clock } from '../../engine/clock.js';
import type { Rate } from '../../engine/bucket.js';
import type { Engine, ListPosition } from '../../engine/engine.js';
import { VersionConflictError } from '../../engine/errors.js';
import type { Caller } from '../../http/caller.js';
import { InsufficientScopeError, KeyExistsError, KeyNotFoundError, OldSecretError } from '../access-errors.js';
import { AccessRecords, type NewValue, type Stored } from '../access-records.js';
import { accessTenantOf, ACCESS_TENANT } from '../../engine/profile.js';
import { maskOf, type Role, type Scope } from '../scopes.js';
import { digestOf, newKeyId, newToken, startOf, type TokenName } from '../token.js';
import { KEY_PREFIX, maskOfKey, type KeyRecord } from './key-record.js';
import type { KeyLimit } from './key.dto.js';
import type { LastUsed } from './last-used.js';

/** Time for which a key is still listed after its end. */
const LISTED_MS = 30 * 24 * 60 * 60 * 1000;
const DEFAULT_ROLE: Role = 'writer';
const KEYS_MANAGE = maskOf(['keys:manage']);

export interface NewKeyGiven {
  readonly name: string;
  readonly role?: Role | undefined;
  readonly scopes?: readonly Scope[] | undefined;
  readonly id?: string | undefined;
  readonly user?: string | undefined;
  readonly ttlSeconds?: number | undefined;
  readonly ips?: readonly string[] | undefined;
  readonly limit?: KeyLimit | undefined;
  readonly metadata?: string | undefined;
  readonly sha256?: string | undefined;
}

export interface KeyChangeGiven {
  readonly name?: string | undefined;
  readonly role?: Role | undefined;
  readonly scopes?: readonly Scope[] | undefined;
  readonly user?: string | null | undefined;
  readonly ttlSeconds?: number | null | undefined;
  readonly ips?: readonly string[] | null | undefined;
  readonly limit?: KeyLimit | null | undefined;
  readonly metadata?: string | undefined;
}

export interface FoundKey extends Stored<KeyRecord> {
  readonly id: string;
  /** Null for a key of an operator. */
  readonly tenant: string | null;
  readonly lastUsedAtMs: number | null;
}

/** A key with its token, which cannot be read again later. */
export interface MadeToken {
  readonly found: FoundKey;
  readonly token: string | undefined;
}

/** Keys of tenants and of operators. A caller can give a key only scopes that the caller has. */
export class Keys {
  readonly #records: AccessRecords<KeyRecord>;

  constructor(
    engine: Engine,
    private readonly lastUsed: LastUsed,
    private readonly clock: Clock = systemClock,
  ) {
    this.#records = new AccessRecords(engine, KEY_PREFIX, ({ user }) => (user === null ? {} : { user }));
  }

  /** @throws KeyExistsError @throws InsufficientScopeError */
  async create(caller: Caller, given: NewKeyGiven): Promise<MadeToken> {
    const { name, id = newKeyId(), user = null, ips = null, limit, metadata = null, sha256, ttlSeconds } = given;
    const now = this.clock();
    const role = given.role ?? (given.scopes === undefined ? DEFAULT_ROLE : null);
    const tokenName: TokenName =
      role === 'operator' ? { kind: 'operator', id } : { kind: 'key', tenant: caller.tenant, id };
    const token = sha256 === undefined ? newToken(tokenName) : undefined;
    const value: KeyRecord = {
      name,
      role,
      scopes: given.scopes ?? null,
      user,
      ips,
      limit: limit === undefined ? null : rateOf(limit),
      metadata,
      digests: [{ sha256: sha256 ?? hexDigestOf(token as string), untilMs: null }],
      expiresAtMs: expiryOf(ttlSeconds ?? null, now, caller),
      revokedAtMs: null,
      createdAtMs: now,
      createdBy: caller.by,
      start: startOf(tokenName, token),
    };
    checkGrant(caller, value);
    const home = homeOfName(tokenName);
    // An operator names a key by its id alone. So a key of a tenant must not get the id of a key of an operator.
    if (home !== ACCESS_TENANT && given.id !== undefined && (await this.#records.find(ACCESS_TENANT, id)) !== undefined)
      throw new KeyExistsError(id);
    try {
      const stored = await this.#records.create(home, id, caller.by, { value, ttlMs: ttlOf(value, now) });
      return { found: { ...stored, id, tenant: tenantOf(home, caller), lastUsedAtMs: null }, token };
    } catch (error) {
      throw error instanceof VersionConflictError ? new KeyExistsError(id) : error;
    }
  }

  /** @throws KeyNotFoundError */
  async get(caller: Caller, id: string): Promise<FoundKey> {
    const home = await this.#homeOf(caller, id);
    const [stored, used] = await Promise.all([this.#records.find(home, id), this.lastUsed.read(home)]);
    if (stored === undefined) throw new KeyNotFoundError(id);
    return { ...stored, id, tenant: tenantOf(home, caller), lastUsedAtMs: used.get(id) ?? null };
  }

  async list(
    caller: Caller,
    query: { readonly ofOperators: boolean; readonly limit: number; readonly after: ListPosition | undefined },
  ): Promise<{ readonly items: readonly FoundKey[]; readonly next: ListPosition | undefined }> {
    const home = query.ofOperators ? ACCESS_TENANT : accessTenantOf(caller.tenant);
    const [{ records, next }, used] = await Promise.all([
      this.#records.list(home, query.limit, query.after),
      this.lastUsed.read(home),
    ]);
    const tenant = tenantOf(home, caller);
    const items = records.map(({ name: id, ...stored }) => ({
      ...stored,
      id,
      tenant,
      lastUsedAtMs: used.get(id) ?? null,
    }));
    return { items, next };
  }

  /** @throws KeyNotFoundError @throws InsufficientScopeError @throws VersionConflictError */
  async change(caller: Caller, id: string, expect: Expect | undefined, given: KeyChangeGiven): Promise<FoundKey> {
    return this.#change(caller, id, expect, (key, now) => {
      checkGrant(caller, key);
      const { name = key.name, user = key.user, ips = key.ips, limit, metadata = key.metadata, ttlSeconds } = given;
      const isRegranted = given.role !== undefined || given.scopes !== undefined;
      if ((given.role ?? key.role) === 'operator' ? key.role !== 'operator' : key.role === 'operator' && isRegranted)
        throw new KeyNotFoundError(id, 'cannot become the key of an operator, or cease to be one; make another');
      const value: KeyRecord = {
        ...key,
        name,
        user,
        ips,
        metadata,
        role: isRegranted ? (given.role ?? null) : key.role,
        scopes: isRegranted ? (given.scopes ?? null) : key.scopes,
        limit: limit === undefined ? key.limit : limit === null ? null : rateOf(limit),
        expiresAtMs: ttlSeconds === undefined ? key.expiresAtMs : expiryOf(ttlSeconds, now, caller),
      };
      checkGrant(caller, value);
      const isWider = (maskOfKey(value) & ~maskOfKey(key)) !== 0;
      if (isWider) checkEnd(caller, value);
      return value;
    });
  }

  /**
   * Makes a second secret for the same key: id, expiry, limits and last use stay. The earlier secret is accepted for
   * `graceSeconds`, and never longer than the key; older ones end at once.
   * @throws KeyNotFoundError @throws InsufficientScopeError @throws OldSecretError
   */
  async rotate(
    caller: Caller,
    id: string,
    expect: Expect | undefined,
    { graceSeconds, sha256 }: { readonly graceSeconds: number; readonly sha256?: string | undefined },
  ): Promise<MadeToken> {
    const home = await this.#homeOf(caller, id);
    const name: TokenName =
      home === ACCESS_TENANT ? { kind: 'operator', id } : { kind: 'key', tenant: caller.tenant, id };
    const token = sha256 === undefined ? newToken(name) : undefined;
    const found = await this.#change(caller, id, expect, (key, now) => {
      checkGrant(caller, key);
      const [newest, ...older] = key.digests;
      if (newest === undefined || newest.sha256 === sha256) return undefined;
      if (older.some((one) => one.sha256 === sha256)) throw new OldSecretError();
      checkEnd(caller, key);
      const digests = [
        { sha256: sha256 ?? hexDigestOf(token as string), untilMs: null },
        ...(graceSeconds === 0 ? [] : [{ ...newest, untilMs: now + graceSeconds * 1000 }]),
      ];
      return { ...key, digests, start: startOf(name, token) };
    });
    return { found, token };
  }

  /** Revokes the key: it is refused from then on, and still listed for a while. */
  async revoke(caller: Caller, id: string, expect: Expect | undefined): Promise<FoundKey> {
    return this.#change(caller, id, expect, (key, now) => ({ ...key, revokedAtMs: now }), true);
  }

  /** Deletes the key, which need not exist. */
  async delete(caller: Caller, id: string, expect: Expect | undefined): Promise<void> {
    await this.#records.delete(await this.#homeOf(caller, id), id, expect);
  }

  async #change(
    caller: Caller,
    id: string,
    expect: Expect | undefined,
    change: (key: KeyRecord, now: number) => KeyRecord | undefined,
    isContentWithRevoked = false,
  ): Promise<FoundKey> {
    const home = await this.#homeOf(caller, id);
    const stored = await this.#records.change(
      home,
      id,
      { by: caller.by, expect },
      ({ value: key }): NewValue<KeyRecord> | undefined => {
        if (key.revokedAtMs !== null) {
          if (isContentWithRevoked) return undefined;
          throw new KeyNotFoundError(id, 'is revoked, so it cannot change any more');
        }
        const now = this.clock();
        const value = change(key, now);
        return value && { value: withinEnd(value), ttlMs: ttlOf(value, now) };
      },
      () => new KeyNotFoundError(id),
    );
    const used = await this.lastUsed.read(home);
    return { ...stored, id, tenant: tenantOf(home, caller), lastUsedAtMs: used.get(id) ?? null };
  }

  /**
   * Tenant that has the record of the key. Operators can name keys of the tenant that they work in, and keys of
   * operators.
   */
  async #homeOf(caller: Caller, id: string): Promise<string> {
    const home = accessTenantOf(caller.tenant);
    if (caller.kind !== 'operator') return home;
    const [own, ofOperators] = await Promise.all([this.#records.find(home, id), this.#records.find(ACCESS_TENANT, id)]);
    return own === undefined && ofOperators !== undefined ? ACCESS_TENANT : home;
  }
}

/** @throws InsufficientScopeError when the key may do more than the caller */
function checkGrant(caller: Caller, key: Pick<KeyRecord, 'role' | 'scopes'>): void {
  const missing = maskOfKey(key) & ~caller.scopes;
  if (missing !== 0) throw new InsufficientScopeError(missing);
}

/** @throws InsufficientScopeError when the key, which the caller gives a secret or a scope, lives longer than the caller */
function checkEnd(caller: Caller, { expiresAtMs }: Pick<KeyRecord, 'expiresAtMs'>): void {
  if ((expiresAtMs ?? Infinity) > endOf(caller))
    throw new InsufficientScopeError(
      KEYS_MANAGE,
      'The credential of this request ends before the key, so it can give the key no secret and no scope',
    );
}

/** End of what a caller makes. Users, whose tokens are short, and the first operator make keys that stay. */
function endOf({ keyId, expiresAtMs = Infinity }: Caller): number {
  return keyId === undefined ? Infinity : expiresAtMs;
}

/** End of a new key: never later than the end of the key that makes it. */
function expiryOf(ttlSeconds: number | null, now: number, caller: Caller): number | null {
  const end = Math.min(ttlSeconds === null ? Infinity : now + ttlSeconds * 1000, endOf(caller));
  return end === Infinity ? null : end;
}

/** The key with an old secret that ends with it at the latest. */
function withinEnd(key: KeyRecord): KeyRecord {
  const { expiresAtMs, digests } = key;
  if (expiresAtMs === null) return key;
  const ended = digests.map(({ sha256, untilMs }) => ({ sha256, untilMs: untilMs && Math.min(untilMs, expiresAtMs) }));
  return { ...key, digests: ended };
}

/** Time to live of the record: it ends a while after the key. */
function ttlOf({ expiresAtMs, revokedAtMs }: KeyRecord, now: number): number | null {
  const end = Math.min(expiresAtMs ?? Infinity, revokedAtMs ?? Infinity);
  return end === Infinity ? null : Math.max(1, end - now) + LISTED_MS;
}

function rateOf({ limit, windowMs, burst = defaultBurst(limit) }: KeyLimit): Rate {
  return { limit, windowMs, burst };
}

function hexDigestOf(token: string): string {
  return digestOf(token).toString('hex');
}

function homeOfName(name: TokenName): string {
  return name.kind === 'key' ? accessTenantOf(name.tenant) : ACCESS_TENANT;
}

function tenantOf(home: string, caller: Caller): string | null {
  return home === ACCESS_TENANT ? null : caller.tenant;
}
