import { arrayIndex } from './pointer.js';

/** One step into a document, shared by all the pointers that begin with it. */
export interface PointerStep {
  readonly token: string;
  /** The token as an array index, -1 when it cannot be one. */
  readonly index: number;
  /** Which of the compiled pointers end here. */
  readonly ends: readonly number[];
  readonly next: readonly PointerStep[];
}

/** Pointers ready to be looked for; made once, used for every document. */
export interface PointerSet {
  readonly size: number;
  readonly root: PointerStep;
}

/** Merges pointers into a tree, so that a scan follows all of them at once and parts with none of them cost nothing. */
export function compilePointers(pointers: readonly (readonly string[])[]): PointerSet {
  const root = new Step('');
  pointers.forEach((tokens, number) => {
    let step = root;
    for (const token of tokens) step = step.to(token);
    step.ends.push(number);
  });
  return { size: pointers.length, root };
}

class Step implements PointerStep {
  readonly index: number;
  readonly ends: number[] = [];
  // A list: sets are small, and comparing a handful of short names is cheaper than hashing one.
  readonly next: Step[] = [];

  constructor(readonly token: string) {
    this.index = arrayIndex(token) ?? -1;
  }

  to(token: string): Step {
    let step = this.next.find((candidate) => candidate.token === token);
    if (step === undefined) this.next.push((step = new Step(token)));
    return step;
  }
}
