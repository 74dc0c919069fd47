import type { Logger } from 'pino';
import { LoadProgress } from '../engine/load-progress.js';

const LOGGED_EVERY_MS = 5000;
/** Longest `Retry-After` while the data is loaded. */
const MAX_RETRY_SECONDS = 30;

/** How far the data of this service is loaded. The log has a line every five seconds, and none for a start that is faster. */
export class Loading extends LoadProgress {
  #share = 0;
  readonly #startedAt: number;
  #loggedAt: number;

  constructor(
    private readonly logger: Pick<Logger, 'info'>,
    private readonly now: () => number = () => performance.now(),
  ) {
    super();
    this.#startedAt = this.#loggedAt = now();
  }

  /** Loaded share, from 0 to 99: at 100 % the service serves. */
  get percent(): number {
    return Math.min(99, Math.floor(this.#share * 100));
  }

  /** Seconds until everything is loaded, if the rest takes as long as the part before. */
  get retryAfterSeconds(): number {
    const seconds = (this.now() - this.#startedAt) / 1000;
    const left = this.#share > 0 ? (seconds * (1 - this.#share)) / this.#share : MAX_RETRY_SECONDS;
    return Math.min(MAX_RETRY_SECONDS, Math.max(1, Math.ceil(left)));
  }

  report(share: number): void {
    this.#share = share;
    if (this.now() - this.#loggedAt < LOGGED_EVERY_MS) return;
    this.#loggedAt = this.now();
    this.logger.info({ percent: this.percent }, `loading the data directory: ${this.percent} %`);
  }
}
