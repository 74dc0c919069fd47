import { isOfStore, KeyTakenError } from '../errors.js';

/** Maximum number of damaged records that one sweep of a tenant passes by. */
const MAX_PASSED = 100;
/** Time for which the same damage is not told again. */
const TOLD_MS = 60 * 60_000;
const MAX_TOLD = 1000;

/** Whether an error is about single keys, and not about the whole store. */
function isDamage(error: unknown): boolean {
  return error instanceof KeyTakenError || !isOfStore(error);
}

/** Damaged records that sweeps meet again and again: each is told once in a while, and the sweep goes on. */
export class Damages {
  readonly #toldAt = new Map<string, number>();

  constructor(
    private readonly tell: (message: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Runs `step` until no damage stops it. A step postpones the record that has stopped it. */
  async past<T>(step: () => Promise<T>): Promise<T> {
    let last: string | undefined;
    for (let passed = 0; ; passed++) {
      try {
        return await step();
      } catch (error) {
        const message = messageOf(error);
        // Twice the same: the step cannot pass this one by.
        if (!isDamage(error) || message === last || passed === MAX_PASSED) throw error;
        this.noted(error);
        last = message;
      }
    }
  }

  noted(error: unknown): void {
    // Taken keys have a log of their own.
    if (error instanceof KeyTakenError) return;
    const message = messageOf(error);
    const now = this.now();
    if (now - (this.#toldAt.get(message) ?? -Infinity) < TOLD_MS) return;
    this.#toldAt.delete(message);
    this.#toldAt.set(message, now);
    for (const oldest of this.#toldAt.keys()) if (this.#toldAt.size > MAX_TOLD) this.#toldAt.delete(oldest);
    this.tell(message);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
