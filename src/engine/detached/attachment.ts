import { Logger } from '@nestjs/common';
import { withTimeout } from '../with-timeout.js';
import type { StoreEpoch } from '../store-epoch.js';
import type { Mode } from './detached-observer.js';
import type { DetachedStore } from './detached-store.js';
import type { HeldCopies } from './held-copies.js';
import type { Recovery } from './recovery.js';
import type { StoreLink } from './store-link.js';

/** Interval of pings to an unreachable server; each new connection pings too. */
const PING_INTERVAL_MS = 500;
/**
 * Maximum time that a write waits for the end of a drain before it is journaled. Writes that do not wait prolong the
 * drain.
 */
const DRAIN_WAIT_MS = 1000;

const NEVER_CONNECTED =
  'never connected to Redis: serving from memory; writes wait until it is reached. /health/ready is 503 until then, unless READY_WITHOUT_REDIS=true';

/** Shared by the attachments of a replica. */
export interface AttachmentParts {
  readonly link: StoreLink;
  readonly detached: DetachedStore;
  readonly recovery: Recovery;
  readonly copies: HeldCopies;
  /** Rejects if the store must not be used. */
  readonly check: (() => Promise<void>) | undefined;
  readonly epochOf: (server: string) => Promise<StoreEpoch>;
  /** This process, or the one before it with this journal, has been attached. */
  readonly wasReached: () => boolean;
  readonly changed: () => void;
  /** Called before each attempt, since tenants may have moved to other servers. */
  readonly looked: () => void;
}

/**
 * The mode in which this replica serves the tenants of one server, with the pings and the drain that lead back to
 * `attached`.
 */
export class Attachment {
  readonly #logger = new Logger('Detached');
  readonly #waiting = new Set<() => void>();
  #mode: Mode;
  #isFit: boolean;
  #isClosed = false;
  #watching: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Times of performance.now(). */
  #leftAt = performance.now();
  #attachedAt: number;
  #drainError: string | undefined;
  #epoch: StoreEpoch | undefined;

  /** `attachedAt`: time of performance.now() since which it has been attached; Infinity if it is not. */
  constructor(
    readonly server: string,
    attachedAt: number,
    private readonly parts: AttachmentParts,
  ) {
    this.#attachedAt = attachedAt;
    this.#mode = attachedAt < Infinity ? 'attached' : 'detached';
    this.#isFit = this.#mode === 'attached';
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** The server has passed its check since the last outage, so it may be used while entries are still drained. */
  get isFit(): boolean {
    return this.#isFit;
  }

  /** Infinity while not attached. */
  get attachedAt(): number {
    return this.#attachedAt;
  }

  get drainError(): string | undefined {
    return this.#drainError;
  }

  /** Name of the data of this server when it was attached last. */
  get epoch(): StoreEpoch | undefined {
    return this.#epoch;
  }

  /** The server, in sentences for the operator. */
  get title(): string {
    return this.server === '' ? 'Redis' : `the master ${this.server}`;
  }

  /** Whether the server holds the data of a tenant now. */
  readonly holds = (tenant: string): boolean => this.parts.link.serverOf(tenant) === this.server;

  /** Resolves when attached, or when the server is unreachable: it is pinged from then on. */
  async start(): Promise<void> {
    if (await this.#tryToAttach()) {
      // No request has been answered in detached mode.
      this.#attachedAt = -Infinity;
      return;
    }
    this.#become('detached');
    this.watch();
  }

  leave(): void {
    if (this.#mode !== 'attached' || this.#isClosed) return;
    this.#leftAt = performance.now();
    this.#become('suspect');
    this.watch();
  }

  watch(): void {
    this.#watching ??= this.#attachAgain();
  }

  /** Pings now. */
  wake(): void {
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.retire();
    await this.#watching;
  }

  /** The server holds no data any more. */
  retire(): void {
    this.#isClosed = true;
    this.wake();
    for (const go of this.#waiting) go();
  }

  /** Resolves when no drain is in progress, or after a while. */
  async drainEnded(): Promise<void> {
    let done = (): void => undefined;
    const ended = new Promise<void>((resolve) => (done = resolve));
    this.#waiting.add(done);
    await withTimeout(ended, DRAIN_WAIT_MS, () => undefined);
    this.#waiting.delete(done);
  }

  async #attachAgain(): Promise<void> {
    while (!this.#isClosed) {
      if ((await this.#tryToAttach()) && this.#mode === 'attached') {
        // In the same turn as the check, so that the next outage starts a new watch.
        this.#watching = undefined;
        this.tellAttached();
        return;
      }
      if (this.#isClosed) return;
      if (this.#mode !== 'detached') this.#become('detached');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PING_INTERVAL_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }

  async #tryToAttach(): Promise<boolean> {
    const { link, looked } = this.parts;
    const isAnswering = await link.ping(this.server);
    looked();
    if (!isAnswering || !link.isUsable(this.server) || this.#isClosed) return false;
    this.#become('recovering');
    try {
      return await this.#recover();
    } catch (error) {
      // Usually the server is unreachable again. Any other error is logged once and shown as a warning.
      const message = link.isUsable(this.server) ? `draining stopped: ${String(error)}` : undefined;
      if (message !== undefined && message !== this.#drainError) this.#logger.error(message);
      this.#drainError = message;
      return false;
    }
  }

  /** Drains until no entry of the server's tenants waits but those that the store refuses. Attaches in the same turn. */
  async #recover(): Promise<boolean> {
    const { detached, recovery, copies, check, epochOf } = this.parts;
    await check?.();
    this.#isFit = true;
    const epoch = await epochOf(this.server);
    const hasLostData = detached.hasLostData(epoch);
    this.#epoch = epoch;
    detached.takeBack();
    for (;;) {
      await recovery.drain(
        () => hasLostData,
        this.holds,
        () => this.#isClosed,
      );
      if (this.#isClosed) return false;
      await detached.setEpoch(epoch);
      await detached.flushed();
      if (!detached.isDrained(this.holds)) continue;
      if (hasLostData) detached.noteLoss(this.holds);
      copies.beginPeriod(this.server);
      this.#become('attached');
      recovery.retryWhenDue();
      return true;
    }
  }

  #become(mode: Mode): void {
    const before = this.#mode;
    this.#mode = mode;
    if (mode !== 'attached') this.#isFit = false;
    if (mode !== 'recovering') for (const go of this.#waiting) go();
    if (mode === 'attached') {
      this.#attachedAt = performance.now();
      this.#drainError = undefined;
    } else {
      this.#attachedAt = Infinity;
      if (mode === 'detached' && before !== 'recovering') {
        this.#logger.error(this.parts.wasReached() ? this.#outage : NEVER_CONNECTED);
      }
    }
    this.parts.changed();
  }

  get #outage(): string {
    const whose = this.server === '' ? '' : ' of its tenants';
    return `${capital(this.title)} is unreachable: serving what this replica holds${whose}; writes wait until it is back`;
  }

  tellAttached(): void {
    const seconds = Math.round((performance.now() - this.#leftAt) / 100) / 10;
    this.#logger.log(`${capital(this.title)} answers again and has all writes of the outage (${seconds} s)`);
  }
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
