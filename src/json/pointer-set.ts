import { arrayIndex } from './pointer.js';

/** One token, shared by all pointers with the same beginning. */
export interface PointerStep {
  readonly token: string;
  /** The token as an array index, -1 when it cannot be one. */
  readonly index: number;
  /** Numbers of the pointers that end here. */
  readonly ends: readonly number[];
  readonly next: readonly PointerStep[];
  /** Largest index among the next tokens, -1 without any: items after it are not looked at. */
  readonly lastIndex: number;
}

/** A compiled set of pointers, reusable for many documents. */
export interface PointerSet {
  readonly size: number;
  readonly root: PointerStep;
}

/** Merges pointers into a tree, so that one scan follows all of them and skips parts without any. */
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
  // A list, since comparing a few short names is cheaper than hashing one.
  readonly next: Step[] = [];

  lastIndex = -1;

  constructor(readonly token: string) {
    this.index = arrayIndex(token) ?? -1;
  }

  to(token: string): Step {
    let step = this.next.find((candidate) => candidate.token === token);
    if (step === undefined) this.next.push((step = new Step(token)));
    this.lastIndex = Math.max(this.lastIndex, step.index);
    return step;
  }
}
