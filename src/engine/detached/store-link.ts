/** How one hears whether the store can be reached. */
export interface StoreLink {
  /** Commands may be sent. */
  readonly isUsable: boolean;
  /** Whether it answers; takes no longer than a command may. */
  ping(): Promise<boolean>;
  /** Calls back when commands may be sent again. Returns how to stop. */
  onReady(listener: () => void): () => void;
  /** Calls back whenever a connection was lost. */
  onLost(listener: () => void): void;
}
