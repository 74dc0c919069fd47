import type { JWTPayload } from 'jose';
import type { JwtConfig } from '../config/config.js';
import { systemClock, type Clock } from '../engine/clock.js';
import { parsePointer } from '../json/pointer.js';
import { IssuerKeys, type Jose } from './issuer-keys.js';

export const MAX_JWT_CHARACTERS = 8 * 1024;
/** Algorithms with a private key only. With a shared secret, everybody who can verify a token could also sign one. */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
const CLOCK_TOLERANCE_S = 30;
const MAX_USER_CHARACTERS = 200;
export const ROLE_CLAIM = 'waymark_role';
const BASE_64_URL = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Claims of a verified token. Whether its tenant, role and scopes exist here is checked later. */
export interface JwtClaims {
  readonly tenant: string;
  readonly user: string;
  readonly role: string | undefined;
  /** Words of the claim `scope`; some may be for other services. */
  readonly scopes: readonly string[];
  readonly issuedAtMs: number | undefined;
  /** The claim `exp`. The token is accepted slightly longer, since clocks differ. */
  readonly expiresAtMs: number;
}

/** A token was refused. `says` is the reason for the client; absent if the reason could help a forger. */
export class JwtRefusedError extends Error {
  override readonly name = 'JwtRefusedError';

  constructor(
    readonly reason: 'invalid' | 'expired',
    readonly says?: string,
    options?: ErrorOptions,
  ) {
    super(says ?? 'The token was not signed by the issuer', options);
  }
}

/** Verifies JSON Web Tokens of one issuer. */
export class JwtVerifier {
  readonly #keys: IssuerKeys;
  readonly #tenantPath: readonly string[];

  private constructor(
    private readonly jose: Jose,
    private readonly settings: JwtConfig,
    onFailure: (error: Error) => void,
    private readonly clock: Clock,
  ) {
    this.#keys = new IssuerKeys(jose, settings, onFailure, clock);
    const { tenantClaim } = settings;
    this.#tenantPath = tenantClaim.startsWith('/') ? parsePointer(tenantClaim) : [tenantClaim];
  }

  /** Loads the library, which a service without JWT_ISSUER never does. */
  static async create(
    settings: JwtConfig,
    onFailure: (error: Error) => void = () => undefined,
    clock: Clock = systemClock,
  ): Promise<JwtVerifier> {
    return new JwtVerifier(await import('jose'), settings, onFailure, clock);
  }

  /** @throws JwtRefusedError @throws IssuerUnavailableError */
  async verify(token: string): Promise<JwtClaims> {
    if (token.length > MAX_JWT_CHARACTERS)
      throw new JwtRefusedError('invalid', `A token has at most ${MAX_JWT_CHARACTERS} characters`);
    if (!isOfOneForm(token)) throw new JwtRefusedError('invalid');
    const { issuer, audiences } = this.settings;
    try {
      const { payload } = await this.jose.jwtVerify(token, (header, input) => this.#keys.find(header, input), {
        algorithms: ALGORITHMS,
        issuer,
        audience: [...audiences],
        requiredClaims: ['sub', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(this.clock()),
      });
      return this.#read(payload);
    } catch (error) {
      throw this.#refusalOf(error);
    }
  }

  #read(payload: JWTPayload): JwtClaims {
    const { sub = '', exp = 0, iat, scope } = payload;
    return {
      tenant: this.#tenantOf(payload),
      user: checkedUser(sub),
      role: textOf(payload, ROLE_CLAIM),
      scopes: typeof scope === 'string' ? scope.split(' ').filter((word) => word !== '') : [],
      issuedAtMs: typeof iat === 'number' ? iat * 1000 : undefined,
      expiresAtMs: exp * 1000,
    };
  }

  #tenantOf(payload: JWTPayload): string {
    const { tenantClaim } = this.settings;
    let value: unknown = payload;
    for (const name of this.#tenantPath) value = memberOf(value, name);
    if (typeof value === 'string' && value !== '') return value;
    throw new JwtRefusedError('invalid', `The token has no text in its claim ${tenantClaim}, which names the tenant`);
  }

  #refusalOf(error: unknown): unknown {
    const { JOSEError, JWTClaimValidationFailed, JWTExpired } = this.jose.errors;
    // Claims are checked after the signature, so the client may know which claim is wrong.
    if (error instanceof JWTExpired)
      return new JwtRefusedError('expired', 'The token has expired; get a new one from its issuer', { cause: error });
    if (error instanceof JWTClaimValidationFailed)
      return new JwtRefusedError('invalid', `The claim ${error.claim} of the token ${faultOf(error)}`, {
        cause: error,
      });
    return error instanceof JOSEError ? new JwtRefusedError('invalid', undefined, { cause: error }) : error;
  }
}

/**
 * The signature covers the other two parts, but not its own spelling: decoders skip spaces and padding, and the last
 * character has unused bits. Only the spelling that encoders make is accepted.
 */
function isOfOneForm(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return BASE_64_URL.test(token) && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

function faultOf({ claim, reason }: { readonly claim: string; readonly reason: string }): string {
  if (reason === 'missing') return 'is missing';
  if (reason === 'invalid') return 'is not valid';
  return claim === 'nbf' ? 'is in the future' : 'is not the one that this service expects';
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function textOf(payload: JWTPayload, name: string): string | undefined {
  const value = memberOf(payload, name);
  if (value === undefined || typeof value === 'string') return value;
  throw new JwtRefusedError('invalid', `The claim ${name} of the token must be a text`);
}

function checkedUser(user: unknown): string {
  const isUsable = typeof user === 'string' && user !== '' && user.length <= MAX_USER_CHARACTERS;
  if (isUsable && !/\p{Cc}/u.test(user)) return user;
  throw new JwtRefusedError(
    'invalid',
    `The claim sub of the token must be a text of 1 to ${MAX_USER_CHARACTERS} characters`,
  );
}
