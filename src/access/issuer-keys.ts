import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from 'jose';
import type { JwtConfig } from '../config/config.js';
import { systemClock, type Clock } from '../engine/clock.js';

export type Jose = typeof import('jose');
type KeyOf = ReturnType<Jose['createLocalJWKSet']>;

const MINUTE_MS = 60_000;
/** Age at which keys are renewed in the background. */
const RENEW_AGE_MS = 8 * MINUTE_MS;
/** Keys older than this are renewed before they are used. */
const MAX_AGE_MS = 10 * MINUTE_MS;
/** Maximum age of keys that are used while the issuer is unreachable. */
const MAX_OFFLINE_AGE_MS = 24 * 60 * MINUTE_MS;
/** Pause after each fetch, even after a successful one: many tokens with unknown keys must not cause many requests. */
const PAUSE_MS = 30_000;
/** Pause after a failed fetch while there are no keys at all. */
const FIRST_PAUSE_MS = 2000;
const FETCH_TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 512 * 1024;

/** The issuer is unreachable, and its keys are not known here or too old. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

/** The public keys of an issuer of tokens, fetched when they are needed. */
export class IssuerKeys {
  #keyOf: KeyOf | undefined;
  #fetchedAtMs = -Infinity;
  #nextFetchAtMs = -Infinity;
  #hasFailed = false;
  #pending: Promise<boolean> | undefined;
  #url: string | undefined;

  constructor(
    private readonly jose: Jose,
    private readonly issuer: Pick<JwtConfig, 'issuer' | 'jwksUrl'>,
    private readonly onFailure: (error: Error) => void = () => undefined,
    private readonly clock: Clock = systemClock,
  ) {
    this.#url = issuer.jwksUrl;
  }

  /** The key that a token names. @throws IssuerUnavailableError @throws JWKSNoMatchingKey */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const ageMs = this.clock() - this.#fetchedAtMs;
    // While the issuer is unreachable, requests do not wait for the next attempt.
    if (ageMs >= MAX_AGE_MS && (!this.#hasFailed || ageMs >= MAX_OFFLINE_AGE_MS)) await this.#renew();
    else if (ageMs >= RENEW_AGE_MS) void this.#renew();
    const keys = this.#usable();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof this.jose.errors.JWKSNoMatchingKey) || !(await this.#renew())) throw error;
      return this.#usable()(header, token);
    }
  }

  #usable(): KeyOf {
    if (this.#keyOf !== undefined && this.clock() - this.#fetchedAtMs < MAX_OFFLINE_AGE_MS) return this.#keyOf;
    throw new IssuerUnavailableError(`The keys of ${this.issuer.issuer} are not known here, and it is unreachable`);
  }

  /**
   * Fetches the keys, unless the pause is not over; all callers share one attempt. False if there are no newer keys.
   */
  #renew(): Promise<boolean> {
    if (this.#pending !== undefined) return this.#pending;
    if (this.clock() < this.#nextFetchAtMs) return Promise.resolve(false);
    this.#pending = this.#fetchAll().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #fetchAll(): Promise<boolean> {
    const startedAtMs = this.clock();
    this.#nextFetchAtMs = startedAtMs + PAUSE_MS;
    try {
      this.#url ??= await this.#discover();
      // Throws an error if the answer is not a set of keys.
      this.#keyOf = this.jose.createLocalJWKSet((await getJson(this.#url)) as JSONWebKeySet);
      this.#fetchedAtMs = startedAtMs;
      this.#hasFailed = false;
      return true;
    } catch (error) {
      this.#hasFailed = true;
      if (this.#keyOf === undefined) this.#nextFetchAtMs = startedAtMs + FIRST_PAUSE_MS;
      this.onFailure(error as Error);
      return false;
    }
  }

  /** Address of the keys by the discovery document (OpenID Connect Discovery, RFC 8414). */
  async #discover(): Promise<string> {
    const base = this.issuer.issuer.replace(/\/$/, '');
    const url = `${base}/.well-known/openid-configuration`;
    const found = (await getJson(url, { mayBeAbsent: true })) as { issuer?: unknown; jwks_uri?: unknown } | undefined;
    if (found === undefined) return `${base}/.well-known/jwks.json`;
    if (found.issuer !== this.issuer.issuer)
      throw new Error(`${url} names the issuer ${JSON.stringify(found.issuer)}; set JWT_ISSUER to exactly this text`);
    const { jwks_uri: keys } = found;
    if (typeof keys !== 'string' || !/^https?:\/\//.test(keys) || !URL.canParse(keys))
      throw new Error(`${url} has no jwks_uri`);
    // Keys of an https: issuer must come over TLS too. Otherwise anybody on the network could exchange them.
    if (base.startsWith('https:') && !keys.startsWith('https:')) throw new Error(`${url}: jwks_uri is not https`);
    return keys;
  }
}

/** @throws Error with a message for the operator */
async function getJson(url: string, { mayBeAbsent = false } = {}): Promise<unknown> {
  const answer = await fetch(url, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new Error(`${url}: ${reasonOf(error as Error)}`, { cause: error });
  });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    if (mayBeAbsent && answer.status === 404) return undefined;
    throw new Error(`${url}: status ${answer.status}`);
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of (answer.body ?? new Blob([]).stream()) as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER_BYTES) throw new Error(`${url}: more than ${MAX_ANSWER_BYTES} bytes`);
  }
  const json: unknown = JSON.parse(text);
  if (typeof json === 'object' && json !== null) return json;
  throw new Error(`${url}: not a JSON object`);
}

function reasonOf({ cause, message }: Error): string {
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
