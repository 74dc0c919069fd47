/** Reachability of the servers of the store. */
export interface StoreLink {
  /** Names of the servers that hold data: the masters of a Cluster, else one. */
  readonly servers: readonly string[];
  /** Server that holds the data of a tenant now. */
  serverOf(tenant: string): string;
  /** Commands may be sent to the server. */
  isUsable(server: string): boolean;
  /** Whether the server answers, within the timeout of a command. */
  ping(server: string): Promise<boolean>;
  /** Calls back when commands may be sent again. Returns the function that unsubscribes. */
  onReady(listener: () => void): () => void;
  /** Calls back when a connection to a server is lost. */
  onLost(listener: (server: string) => void): void;
}
