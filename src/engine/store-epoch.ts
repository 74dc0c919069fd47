/** Random name of the data of one server of the store. Another name means that the server has lost its data. */
export interface StoreEpoch {
  /** Slot in which the name lies, with which it moves: a tenant that nobody has, or '' for that of the default tenant. */
  readonly slot: string;
  readonly name: string;
}
