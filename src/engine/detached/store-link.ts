/** Reachability of the store. */
export interface StoreLink {
  /** Commands may be sent. */
  readonly isUsable: boolean;
  /** Whether the store answers, within the timeout of a command. */
  ping(): Promise<boolean>;
  /** Calls back when commands may be sent again. Returns the function that unsubscribes. */
  onReady(listener: () => void): () => void;
  /** Calls back when a connection is lost. */
  onLost(listener: () => void): void;
}
