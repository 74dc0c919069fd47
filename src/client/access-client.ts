import type { Key, LimitTake, LimitTaken, LimitView, MadeKey, NewKey, WhoAmI } from './access-types.js';
import { Requester, type Call, type CallOptions, type RequesterOptions } from './requester.js';

const PAGE_SIZE = 200;

/** Keys and limits, as methods. The same retries and errors as those of WaymarkClient. */
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
  async *listKeys({ ofOperators = false, ...options }: CallOptions & { readonly ofOperators?: boolean } = {}) {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
      if (ofOperators) query.set('role', 'operator');
      if (cursor !== null) query.set('cursor', cursor);
      const call: Call = { method: 'GET', path: `/v1/keys?${query.toString()}` };
      const page: KeyPage = await this.#json<KeyPage>(call, options);
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
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

  /** Makes a limit whole again. */
  async resetLimit(name: string, { key, ...options }: CallOptions & { readonly key?: string | undefined } = {}) {
    const query = key === undefined ? '' : `?${new URLSearchParams({ key }).toString()}`;
    await this.#requester.send({ method: 'DELETE', path: limitPath(name) + query }, options);
  }

  async #json<T>(call: Call, options?: CallOptions): Promise<T> {
    return JSON.parse((await this.#requester.send(call, options)).text) as T;
  }
}

interface KeyPage {
  readonly items: readonly Key[];
  readonly nextCursor: string | null;
}

function keyPath(id: string): string {
  return `/v1/keys/${encodeURIComponent(id)}`;
}

function limitPath(name: string): string {
  return `/v1/limits/${encodeURIComponent(name)}`;
}
