import { Nesting } from './nesting.js';

/** A valid text, shared by the nodes of all its values. */
export class SourceText {
  #nesting: Nesting | undefined;

  constructor(readonly text: string) {}

  /** Made at the first use: many documents are only passed on. */
  get nesting(): Nesting {
    return (this.#nesting ??= Nesting.of(this.text));
  }
}
