import type { Oracle } from './oracle.js';

interface Held {
  readonly token: string;
  endsAtMs: number;
}

/** Holders of tasks, as the answers to clients show them. */
export class LeaseOracle {
  readonly #held = new Map<string, Held>();

  constructor(private readonly oracle: Oracle) {}

  /** A claim was answered. `nowMs`: time by the clock of the leases. */
  delivered(
    task: { readonly id: string; readonly token: string; readonly leaseEndsAtMs: number },
    nowMs: number,
  ): void {
    const { id, token, leaseEndsAtMs } = task;
    if (leaseEndsAtMs <= nowMs) return;
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
    if (this.#held.get(id)?.token === token) this.#held.delete(id);
  }

  /** After a lost tail or a step of the clock, leases may be lost. */
  forget(): void {
    this.#held.clear();
  }
}
