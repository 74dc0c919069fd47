import type {
  Key,
  LimitTake,
  LimitTaken,
  LimitView,
  MadeKey,
  NewKey,
  Tenant,
  TenantChange,
  WhoAmI,
} from './access-types.js';
import { Requester, type Call, type CallOptions, type RequesterOptions } from './requester.js';

const PAGE_SIZE = 200;

/** Keys, tenants and limits, as methods. The same retries and errors as those of WaymarkClient. */
export class AccessClient {
  readonly #requester: Requester;

  constructor(options: RequesterOptions) {
    this.#requester = new Requester(options);
  }

  whoAmI(options?: CallOptions): Promise<WhoAmI> {
    return this.#json({ method: 'GET', path: '/v1/whoami' }, options);
  }

  /** Give `id` where a request may be repeated: the repeat is refused with ALREADY_EXISTS, and makes no second key. */
  createKey(key: NewKey, options?: CallOptions): Promise<MadeKey> {
    return this.#json({ method: 'POST', path: '/v1/keys', body: key }, options);
  }

  /** The keys of the tenant, or those of operators. */
  listKeys({ ofOperators = false, ...options }: CallOptions & { readonly ofOperators?: boolean } = {}) {
    return this.#pages<Key>('/v1/keys', ofOperators ? { role: 'operator' } : {}, options);
  }

  getKey(id: string, options?: CallOptions): Promise<Key> {
    return this.#json({ method: 'GET', path: keyPath(id) }, options);
  }

  /** The old secret is accepted for `graceSeconds`, a day by default. */
  rotateKey(
    id: string,
    {
      graceSeconds,
      sha256,
      ...options
    }: CallOptions & { readonly graceSeconds?: number; readonly sha256?: string } = {},
  ): Promise<MadeKey> {
    return this.#json({ method: 'POST', path: `${keyPath(id)}/rotate`, body: { graceSeconds, sha256 } }, options);
  }

  revokeKey(id: string, options?: CallOptions): Promise<Key> {
    return this.#json({ method: 'POST', path: `${keyPath(id)}/revoke` }, options);
  }

  async deleteKey(id: string, options?: CallOptions): Promise<void> {
    await this.#requester.send({ method: 'DELETE', path: keyPath(id) }, options);
  }

  async listLimits(options?: CallOptions): Promise<readonly LimitView[]> {
    return (await this.#json<{ items: readonly LimitView[] }>({ method: 'GET', path: '/v1/limits' }, options)).items;
  }

  /** `allowed` says whether the caller may go on. A repeated request can take twice, so it is not repeated. */
  takeLimit(name: string, { cost, key, waitMs = 0, ...options }: CallOptions & LimitTake = {}): Promise<LimitTaken> {
    const body = { cost, key, waitMs };
    const once = { retry: { giveUpAfterMs: 0 }, ...options };
    return this.#json({ method: 'POST', path: `${limitPath(name)}/take`, body, waitMs }, once);
  }

  /** Gives back what was taken and not used. */
  async giveLimit(name: string, { cost, key, ...options }: CallOptions & Omit<LimitTake, 'waitMs'> = {}) {
    const call: Call = { method: 'POST', path: `${limitPath(name)}/give`, body: { cost, key } };
    return this.#json<{ readonly remaining: number }>(call, { retry: { giveUpAfterMs: 0 }, ...options });
  }

  /** Refills a limit. */
  async resetLimit(name: string, { key, ...options }: CallOptions & { readonly key?: string | undefined } = {}) {
    const query = key === undefined ? '' : `?${new URLSearchParams({ key }).toString()}`;
    await this.#requester.send({ method: 'DELETE', path: limitPath(name) + query }, options);
  }

  /** For operators, as all methods for tenants. */
  listTenants(options?: CallOptions): AsyncGenerator<Tenant> {
    return this.#pages<Tenant>('/v1/tenants', {}, options);
  }

  getTenant(name: string, options?: CallOptions): Promise<Tenant> {
    return this.#json({ method: 'GET', path: tenantPath(name) }, options);
  }

  /** @throws ProblemError with ALREADY_EXISTS when there is one */
  createTenant(name: string, given: TenantChange = {}, options?: CallOptions): Promise<Tenant> {
    const headers = { 'if-none-match': '*' };
    return this.#json({ method: 'PUT', path: tenantPath(name), body: given, headers }, options);
  }

  changeTenant(name: string, change: TenantChange, options?: CallOptions): Promise<Tenant> {
    return this.#json({ method: 'PATCH', path: tenantPath(name), body: change }, options);
  }

  /** False when there is no such tenant. Its data is removed in the background; `getTenant` counts what is left. */
  async eraseTenant(name: string, options?: CallOptions): Promise<boolean> {
    return (await this.#requester.send({ method: 'DELETE', path: tenantPath(name) }, options)).status === 202;
  }

  async *#pages<T>(path: string, more: Readonly<Record<string, string>>, options?: CallOptions): AsyncGenerator<T> {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...more });
      if (cursor !== null) query.set('cursor', cursor);
      const page: Page<T> = await this.#json<Page<T>>({ method: 'GET', path: `${path}?${query.toString()}` }, options);
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  async #json<T>(call: Call, options?: CallOptions): Promise<T> {
    return JSON.parse((await this.#requester.send(call, options)).text) as T;
  }
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

function keyPath(id: string): string {
  return `/v1/keys/${encodeURIComponent(id)}`;
}

function tenantPath(name: string): string {
  return `/v1/tenants/${encodeURIComponent(name)}`;
}

function limitPath(name: string): string {
  return `/v1/limits/${encodeURIComponent(name)}`;
}
