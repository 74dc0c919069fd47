import { Nesting } from './nesting.js';

/** Sums over the outermost container of a text. */
export interface TextTotals {
  readonly levels: number;
  readonly names: number;
}

/** A valid text, shared by the nodes of all its values. */
export class SourceText {
  #nesting: Nesting | undefined;

  constructor(
    readonly text: string,
    /** Known for a text that was made here: it need not be scanned for them. */
    private readonly totals?: TextTotals,
  ) {}

  /** Made at the first use: many documents are only passed on. */
  get nesting(): Nesting {
    return (this.#nesting ??= Nesting.of(this.text));
  }

  /** Depth of nested containers. */
  levels(container: number): number {
    return container === 0 && this.totals !== undefined ? this.totals.levels : this.nesting.levels(container);
  }

  /** Number of member names at all depths. */
  names(container: number): number {
    return container === 0 && this.totals !== undefined ? this.totals.names : this.nesting.names(container);
  }
}
