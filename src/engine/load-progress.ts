/** Is told how much of the data is loaded. Also the injection token. */
export abstract class LoadProgress {
  /** `share`: from 0 to 1. */
  abstract report(share: number): void;
}
