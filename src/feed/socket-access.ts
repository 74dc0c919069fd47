import type { IncomingMessage } from 'node:http';
import { CredentialInUrlError, UnauthenticatedError } from '../access/access-errors.js';
import type { Admission } from '../access/admission.js';
import { credentialOf, holdsCredential } from '../access/credential.js';
import { maskOf } from '../access/scopes.js';
import type { Caller } from '../http/caller.js';
import { BadRequestError } from '../http/http-errors.js';
import type { ServiceError } from '../service-error.js';
import type { LiveCallers } from '../waiting/live-callers.js';

/** The subprotocol that the service selects. */
const SUBPROTOCOL = 'waymark.v1';
/** Prefix of a token among the subprotocols, since pages can set no headers. */
const BEARER = 'waymark.bearer.';
const SCOPES = maskOf(['events:read']);

/** Finds the caller of a WebSocket: by the headers of its upgrade, by a subprotocol, or by a message. */
export class SocketAccess {
  /** Undefined until a message brings a credential. */
  #caller: Caller | undefined;
  #credential: string | undefined;
  #unwatch: () => void = () => undefined;
  /** Undefined before the connection is open and after its end. */
  #onOver: ((error: ServiceError) => void) | undefined;

  private constructor(
    private readonly request: IncomingMessage,
    private readonly admission: Admission,
    private readonly live: LiveCallers,
  ) {}

  /** @throws ServiceError when the upgrade is refused */
  static async of(request: IncomingMessage, admission: Admission, live: LiveCallers): Promise<SocketAccess> {
    if (holdsCredential(request.url ?? '')) throw new CredentialInUrlError();
    const access = new SocketAccess(request, admission, live);
    const credential = credentialOf(request.headers) ?? credentialOfProtocols(request);
    try {
      await access.#admit(credential);
    } catch (error) {
      if (credential !== undefined || !(error instanceof UnauthenticatedError)) throw error;
    }
    return access;
  }

  get caller(): Caller | undefined {
    return this.#caller;
  }

  /** Calls `onOver` when the credential is no longer valid. */
  begin(onOver: (error: ServiceError) => void): void {
    this.#onOver = onOver;
    this.#watch();
  }

  /** Replaces the caller by that of a token. @throws ServiceError */
  authenticate(token: string): Promise<Caller> {
    return this.#admit(`Bearer ${token}`);
  }

  end(): void {
    this.#unwatch();
    this.#onOver = undefined;
  }

  async #admit(credential: string | undefined): Promise<Caller> {
    // An upgrade without a credential costs no tokens of a limit. The message with the credential does.
    this.#caller = await (credential === undefined
      ? this.#find(credential)
      : this.admission.admitUpgrade(this.request, SCOPES, credential));
    this.#credential = credential;
    this.#watch();
    return this.#caller;
  }

  #watch(): void {
    const [credential, onOver] = [this.#credential, this.#onOver];
    this.#unwatch();
    // Only a credential can be revoked.
    if (credential !== undefined && onOver !== undefined)
      this.#unwatch = this.live.watch(() => this.#find(credential), onOver);
  }

  /** Returns a promise only if it has to wait. */
  #find(credential: string | undefined): Caller | Promise<Caller> {
    return this.admission.find(this.request, SCOPES, credential);
  }
}

/**
 * Credential among the offered subprotocols. @throws BadRequestError if no other one is offered, since the answer must
 * not repeat the token
 */
function credentialOfProtocols({ headers }: IncomingMessage): string | undefined {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  const bearer = offered.find((one) => one.startsWith(BEARER));
  if (bearer === undefined) return undefined;
  if (offered.includes(SUBPROTOCOL)) return `Bearer ${bearer.slice(BEARER.length)}`;
  throw new BadRequestError(
    `Offer the subprotocol ${SUBPROTOCOL} besides ${BEARER}<token>: the answer selects it, since the answer must not repeat the token`,
  );
}

/** The subprotocol of the answer: `waymark.v1` if it is offered, else the first one that is not a token. */
export function selectProtocol(offered: ReadonlySet<string>): string | false {
  if (offered.has(SUBPROTOCOL)) return SUBPROTOCOL;
  return [...offered].find((one) => !one.startsWith(BEARER)) ?? false;
}
