import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { systemClock, type Clock } from '../engine/clock.js';
import type { Caller } from '../http/caller.js';
import type { ServiceError } from '../service-error.js';
import {
  AddressNotAllowedError,
  CredentialExpiredError,
  InvalidCredentialError,
  TenantGoneError,
  TenantSuspendedError,
} from './access-errors.js';
import { tokenIn } from './credential.js';
import { Held, type HoldingTimes } from './held.js';
import type { TokenSource, Verified } from './verified.js';

const MAX_ENTRIES = 10_000;
const MAX_REFUSED = 1000;
const REFUSED_MS = 5000;
/** Share of the cache time after which an entry in use is verified in the background, so that no request waits. */
const REFRESH_AFTER = 0.75;
/** Interval at which the use of a key is recorded. */
const NOTED_MS = 60_000;

export interface CallerCacheParts {
  /** Undefined for tokens that this service cannot have made. */
  readonly sourceOf: (token: string) => TokenSource | undefined;
  readonly times: HoldingTimes;
  readonly addressOf: (request: IncomingMessage) => string;
  /** Called when a credential is used, at most once a minute. */
  readonly onUse?: (caller: Caller) => void;
  readonly clock?: Clock;
}

interface Entry {
  readonly credential: string;
  readonly token: string;
  readonly source: TokenSource;
  readonly held: Held<Verified>;
  /** Stops listening for changes. After that the entry must not be kept. */
  readonly stop: () => void;
  isStopped: boolean;
  refreshAtMs: number;
  noteAtMs: number;
  /** The earlier of `refreshAtMs` and `noteAtMs`, so that a request compares only one time. */
  dueAtMs: number;
}

interface Refused {
  readonly error: ServiceError;
  readonly untilMs: number;
  readonly stop: () => void;
}

/**
 * Callers by credential.
 * A known and fresh caller costs one look-up and no promise. An entry becomes stale by age, or by a hint that its
 * record has changed. It is then verified before it is used again, so that a revoked key is not accepted once more.
 */
export class CallerCache {
  readonly #entries = new Map<string, Entry>();
  /** Entries in their first verification: concurrent requests share it. */
  readonly #first = new Map<string, Entry>();
  /** Refused credentials. They are kept apart, so that many wrong ones do not push out valid ones. */
  readonly #refused = new Map<string, Refused>();
  readonly #clock: Clock;

  constructor(private readonly parts: CallerCacheParts) {
    this.#clock = parts.clock ?? systemClock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `credential`: `Bearer <token>`, the form in which most requests have it. @throws ServiceError with 401, 403 or 503 */
  find(credential: string, request: IncomingMessage): Caller | Promise<Caller> {
    const entry = this.#entries.get(credential);
    if (entry === undefined) return this.#findNew(credential, request);
    const now = this.#clock();
    const verified = entry.held.value as Verified;
    if (now >= entry.held.freshUntilMs || (verified.tenant !== undefined && now >= verified.tenant.freshUntilMs))
      return this.#verify(entry, request);
    if (now >= entry.dueAtMs) this.#attend(entry, now);
    return this.#admitted(entry, request);
  }

  close(): void {
    for (const { stop } of [...this.#entries.values(), ...this.#first.values(), ...this.#refused.values()]) stop();
    this.#entries.clear();
    this.#refused.clear();
  }

  #findNew(credential: string, request: IncomingMessage): Promise<Caller> {
    const refused = this.#refused.get(credential);
    if (refused !== undefined && this.#clock() < refused.untilMs) throw refused.error;
    const running = this.#first.get(credential);
    if (running !== undefined) return this.#verify(running, request);
    const token = tokenIn(credential);
    const source = this.parts.sourceOf(token);
    if (source === undefined) throw new InvalidCredentialError();
    const entry = this.#newEntry(credential, token, source);
    this.#first.set(credential, entry);
    return this.#verify(entry, request);
  }

  #newEntry(credential: string, token: string, source: TokenSource): Entry {
    const held = new Held<Verified>(source.times ?? this.parts.times, this.#clock);
    // Listens before the first read, so that no change is missed.
    const stopWatching = source.watch(token, (hint) => {
      held.hint(hint);
      if (hint !== 'poll') this.#forget(credential);
    });
    const entry: Entry = {
      credential,
      token,
      source,
      held,
      isStopped: false,
      refreshAtMs: 0,
      noteAtMs: 0,
      dueAtMs: 0,
      stop: () => {
        entry.isStopped = true;
        stopWatching();
      },
    };
    return entry;
  }

  async #verify(entry: Entry, request: IncomingMessage): Promise<Caller> {
    await this.#renew(entry);
    return this.#admitted(entry, request);
  }

  async #renew(entry: Entry): Promise<void> {
    const { credential, held, source, token } = entry;
    try {
      await held.renew(
        () => source.verify(token),
        ({ endsAtMs }) => endsAtMs,
      );
    } catch (error) {
      this.#end(entry, error);
      throw error;
    } finally {
      this.#first.delete(credential);
    }
    this.#keep(entry);
  }

  #keep(entry: Entry): void {
    const { credential, held } = entry;
    if (entry.isStopped) return;
    // Moves the entry to the end: the first entry is removed first.
    this.#entries.delete(credential);
    this.#entries.set(credential, entry);
    if (this.#entries.size > MAX_ENTRIES) {
      const [oldest] = this.#entries.values();
      oldest?.stop();
      this.#entries.delete(oldest?.credential ?? '');
    }
    const now = this.#clock();
    const { cacheTtlMs } = entry.source.times ?? this.parts.times;
    const refreshAtMs = (held.checkedAtMs as number) + cacheTtlMs * REFRESH_AFTER;
    // If the store was unreachable, the last check is old and this time is past. Then nothing is renewed in the
    // background: the next request after `freshUntilMs` asks the store.
    entry.refreshAtMs = refreshAtMs > now ? refreshAtMs : Infinity;
    this.#attend(entry, now);
  }

  /** Background work of an entry in use. */
  #attend(entry: Entry, now: number): void {
    if (now >= entry.noteAtMs) {
      entry.noteAtMs = now + NOTED_MS;
      this.parts.onUse?.((entry.held.value as Verified).caller);
    }
    if (now >= entry.refreshAtMs && now < entry.held.freshUntilMs) {
      entry.refreshAtMs = Infinity;
      // If this fails, the next request is refused.
      this.#renew(entry).catch(() => undefined);
    }
    entry.dueAtMs = Math.min(entry.noteAtMs, entry.refreshAtMs);
  }

  /** Removes the entry. A token that is not valid is remembered as refused for a while. */
  #end(entry: Entry, error: unknown): void {
    const { credential, held, stop } = entry;
    // Several requests can wait for the same read. The first of them has done this already.
    if (entry.isStopped || this.#refused.get(credential)?.stop === stop) return;
    this.#entries.delete(credential);
    const isRefusal = error instanceof InvalidCredentialError || error instanceof CredentialExpiredError;
    if (!isRefusal || held.wasHinted) return stop();
    this.#forget(credential);
    const [oldest] = this.#refused.keys();
    if (this.#refused.size >= MAX_REFUSED && oldest !== undefined) this.#forget(oldest);
    this.#refused.set(credential, { error, untilMs: this.#clock() + REFUSED_MS, stop });
  }

  #forget(credential: string): void {
    this.#refused.get(credential)?.stop();
    this.#refused.delete(credential);
  }

  /** @throws TenantGoneError @throws TenantSuspendedError @throws AddressNotAllowedError */
  #admitted({ held }: Entry, request: IncomingMessage): Caller {
    const { caller, tenant, addresses } = held.value as Verified;
    if (tenant !== undefined && tenant.value?.status !== 'active') {
      if (tenant.value?.status === 'suspended') throw new TenantSuspendedError();
      // The erasure removes the record of a key without a hint. So the key is verified again before it is used again: the
      // name may be that of a new tenant by then.
      held.hint();
      throw new TenantGoneError();
    }
    if (addresses !== undefined) {
      const address = this.parts.addressOf(request);
      const family = isIP(address);
      if (family === 0 || !addresses.check(address, family === 6 ? 'ipv6' : 'ipv4')) throw new AddressNotAllowedError();
    }
    return caller;
  }
}
