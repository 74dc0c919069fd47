import type { Oracle } from './oracle.js';

interface Held {
  readonly token: string;
  endsAtMs: number;
}

/** Holders of tasks, as the answers to clients show them. */
export class LeaseOracle {
  readonly #held = new Map<string, Held>();
  /** Times at which the store had decided on a request to end a lease, by token; Infinity while it may still arrive. */
  readonly #leftUntilMs = new Map<string, number>();

  constructor(private readonly oracle: Oracle) {}

  /** A claim was answered that was sent at `askedMs`. `nowMs`: time by the clock of the leases. */
  delivered(
    task: { readonly id: string; readonly token: string; readonly leaseEndsAtMs: number },
    nowMs: number,
    askedMs: number,
  ): void {
    const { id, token, leaseEndsAtMs } = task;
    if (leaseEndsAtMs <= nowMs) return;
    // The repeat of a claim may be answered late: with a lease that its holder has asked to end since.
    if (askedMs <= (this.#leftUntilMs.get(token) ?? -Infinity)) return;
    const other = this.#held.get(id);
    if (other !== undefined && other.token !== token && other.endsAtMs > nowMs) {
      this.oracle.violation('lease', `${id} is in two hands: ${other.token} until ${other.endsAtMs}, and ${token}`);
    }
    this.#held.set(id, { token, endsAtMs: leaseEndsAtMs });
  }

  extended(id: string, token: string, endsAtMs: number): void {
    const held = this.#held.get(id);
    if (held?.token === token) held.endsAtMs = endsAtMs;
  }

  /** The holder has asked for the end of its lease, whatever the answer is. */
  left(id: string, token: string): void {
    this.#leftUntilMs.set(token, Infinity);
    if (this.#held.get(id)?.token === token) this.#held.delete(id);
  }

  /** The store has decided on that request. What it delivers to a later claim is held. */
  decided(token: string, trueMs: number): void {
    this.#leftUntilMs.set(token, trueMs);
  }

  /** After a lost tail or a step of the clock, leases may be lost. */
  forget(): void {
    this.#held.clear();
  }
}
