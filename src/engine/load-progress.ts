/** Receiver of the progress of a start. Also its injection token. */
export abstract class LoadProgress {
  /** `share`: from 0 to 1. */
  abstract report(share: number): void;
}
