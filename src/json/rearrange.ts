import { orderedMatches, type Matches } from './match-items.js';

/** Steps that turn one array into another; indexes refer to the result of the earlier steps. */
export interface ArraySteps {
  remove(index: number): void;
  move(from: number, to: number): void;
  /** `item` is the final index in the new array; `index` is where to insert it now. */
  add(index: number, item: number): void;
}

/**
 * Brings the items of an array of `size` into the order of `matches`. Missing items are removed from the end first, so
 * no index shifts. As many items as possible stay (a longest increasing subsequence). The others are moved, and new
 * items added, each right after its predecessor in the new array.
 *
 * Before the first move, one line of places is made: every old place and every final place of every item, in order. For
 * example `t t m S t m m S m`, with `S` for items that stay, `m` for old places of moved items and `t` for targets of
 * moved and new items. The index of a place is the number of occupied places before it.
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
      // Other moves may have brought the item into its place already.
      const newIndex = line.countBefore(to);
      if (newIndex !== index) steps.move(index, newIndex);
    }
    line.change(to, 1);
  });
}

/** 1 for each item of the new array that stays. */
function staying(matches: Matches): Uint8Array {
  const stays = new Uint8Array(matches.length);
  for (const j of orderedMatches(matches)) stays[j] = 1;
  return stays;
}

/** Fenwick tree: counts occupied places before a place, and changes one, in O(log n). */
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
