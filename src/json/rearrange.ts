import { orderedMatches, type Matches } from './match-items.js';

/** Steps that turn one array into another; each index counts in the array the earlier steps have left. */
export interface ArraySteps {
  remove(index: number): void;
  move(from: number, to: number): void;
  /** `item` is the index in the new array, which is not yet the place it is put at. */
  add(index: number, item: number): void;
}

/**
 * Brings the items of an array of `size` into the order of `matches`. What is gone is removed from the end on, so no index
 * shifts. As many items as possible stay where they are (a longest increasing subsequence); the others are moved, and new
 * ones added, each to right behind the item it follows in the new array.
 *
 * All places an item can have meanwhile are known beforehand and lie on one line. With `S` for the items that stay, `m` for
 * the old places of those to be moved and `t` for the targets of moved and new ones, in `t t m S t m m S m`: an index is the
 * number of occupied places before it.
 */
export function rearrange(size: number, matches: Matches, steps: ArraySteps): void {
  const isKept = new Uint8Array(size);
  for (const i of matches) if (i !== -1) isKept[i] = 1;
  for (let i = size - 1; i >= 0; i--) if (isKept[i] === 0) steps.remove(i);

  const stays = staying(matches);
  if (matches.every((i, j) => i === -1 || stays[j] === 1)) {
    matches.forEach((i, j) => {
      if (i === -1) steps.add(j, j);
    });
    return;
  }
  const oldPlace = new Int32Array(size);
  const target = new Int32Array(matches.length);
  const occupied: number[] = [];
  let i = 0;
  let j = 0;
  const layTargets = () => {
    for (; j < matches.length && stays[j] === 0; j++) target[j] = occupied.push(0) - 1;
  };
  const layOldPlaces = (end: number) => {
    for (; i < end; i++) if (isKept[i] === 1) oldPlace[i] = occupied.push(1) - 1;
  };
  layTargets();
  while (j < matches.length) {
    layOldPlaces((matches[j] as number) + 1);
    j++;
    layTargets();
  }
  layOldPlaces(size);

  const line = new CountingLine(occupied);
  matches.forEach((old, item) => {
    if (stays[item] === 1) return;
    const to = target[item] as number;
    if (old === -1) {
      steps.add(line.countBefore(to), item);
    } else {
      const from = oldPlace[old] as number;
      const index = line.countBefore(from);
      line.change(from, -1);
      // An item that others have been moved past may stand where it belongs by now.
      const newIndex = line.countBefore(to);
      if (newIndex !== index) steps.move(index, newIndex);
    }
    line.change(to, 1);
  });
}

/** 1 for each item of the new array that need not be moved. */
function staying(matches: Matches): Uint8Array {
  const stays = new Uint8Array(matches.length);
  for (const j of orderedMatches(matches)) stays[j] = 1;
  return stays;
}

/** Counts what is before a place while places are taken and left, in log n each: a Fenwick tree. */
class CountingLine {
  readonly #sums: Int32Array;

  constructor(counts: readonly number[]) {
    this.#sums = new Int32Array(counts.length + 1);
    counts.forEach((count, place) => {
      if (count !== 0) this.change(place, count);
    });
  }

  change(place: number, by: number): void {
    for (let node = place + 1; node < this.#sums.length; node += node & -node) {
      this.#sums[node] = (this.#sums[node] as number) + by;
    }
  }

  countBefore(place: number): number {
    let count = 0;
    for (let node = place; node > 0; node -= node & -node) count += this.#sums[node] as number;
    return count;
  }
}
