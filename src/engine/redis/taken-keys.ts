import { Logger } from '@nestjs/common';
import { KeyTakenError } from '../errors.js';

const MAX_KEYS = 100;
/** Time for which a key is reported in /health after it was met last; the log names it again after this time. */
const REPORTED_MS = 5 * 60_000;

/** Keys of other programs under names of ours, as calls meet them. */
export class TakenKeys {
  readonly #logger = new Logger('Redis');
  readonly #met = new Map<string, { readonly type: string; readonly loggedAt: number; readonly metAt: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Returns the error. */
  noted<T>(error: T): T {
    if (!(error instanceof KeyTakenError)) return error;
    const { key, type, message } = error;
    const now = this.now();
    const known = this.#met.get(key);
    const isLogged = known !== undefined && now - known.loggedAt < REPORTED_MS;
    if (!isLogged) this.#logger.error(message);
    this.#met.delete(key);
    this.#met.set(key, { type, loggedAt: isLogged ? known.loggedAt : now, metAt: now });
    for (const oldest of this.#met.keys()) if (this.#met.size > MAX_KEYS) this.#met.delete(oldest);
    return error;
  }

  /** A line for each key that was met lately. */
  warnings(): readonly string[] {
    const since = this.now() - REPORTED_MS;
    return [...this.#met].flatMap(([key, { type, metAt }]) =>
      metAt < since ? [] : `another program keeps a ${type} under the key ${key}: requests that need it are refused`,
    );
  }
}
