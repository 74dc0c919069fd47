import { isBeforeInBytes } from './byte-order.js';
import { placesByScore } from './places-by-score.js';

/** A member of a sorted set; ordered by score, then by id. */
export interface Scored {
  readonly score: number;
  readonly id: string;
}

interface Block {
  readonly scores: number[];
  readonly ids: string[];
}

/** Small blocks make insertions cheap; large ones keep the list of blocks short for a million entries. */
const BLOCK_SIZE = 512;
/** Entries of each block of a set that was made at once: there is room for others. */
const FILLED_SIZE = 384;

/**
 * Ids ordered by score, and by their bytes, as in Redis: a list of sorted blocks, in which binary search finds the place.
 */
export class SortedSet {
  readonly #blocks: Block[] = [];
  #size = 0;

  /** A set with all these ids, which are in the order of their bytes, each with the score at its place. */
  static of(ids: readonly string[], scores: Float64Array): SortedSet {
    const set = new SortedSet();
    const places = placesByScore(scores);
    for (let start = 0; start < ids.length; start += FILLED_SIZE) {
      const size = Math.min(FILLED_SIZE, ids.length - start);
      // Of the right size from the start: a list that grows has a third of its places free.
      const placeAt = (i: number) => places[start + i] as number;
      const block: Block = {
        scores: Array.from({ length: size }, (_, i) => scores[placeAt(i)] as number),
        ids: Array.from({ length: size }, (_, i) => ids[placeAt(i)] as string),
      };
      set.#blocks.push(block);
    }
    set.#size = ids.length;
    return set;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Scored | undefined {
    const [block] = this.#blocks;
    return block && { score: block.scores[0] as number, id: block.ids[0] as string };
  }

  get last(): Scored | undefined {
    const block = this.#blocks.at(-1);
    return block && { score: block.scores.at(-1) as number, id: block.ids.at(-1) as string };
  }

  /** Score of the first entry; Infinity when there is none. */
  get firstScore(): number {
    return this.#blocks[0]?.scores[0] ?? Infinity;
  }

  /** The pair must not be in the set yet. */
  add(score: number, id: string): void {
    this.#size++;
    if (this.#blocks.length === 0) {
      this.#blocks.push({ scores: [score], ids: [id] });
      return;
    }
    // An entry after all others goes into the last block.
    const at = Math.min(this.#blockOf(score, id), this.#blocks.length - 1);
    const block = this.#blocks[at] as Block;
    const place = placeIn(block, score, id);
    block.scores.splice(place, 0, score);
    block.ids.splice(place, 0, id);
    if (block.ids.length > BLOCK_SIZE) this.#split(at, block);
  }

  delete(score: number, id: string): boolean {
    const at = this.#blockOf(score, id);
    const block = this.#blocks[at];
    if (block === undefined) return false;
    const place = placeIn(block, score, id);
    if (block.ids[place] !== id || block.scores[place] !== score) return false;
    block.scores.splice(place, 1);
    block.ids.splice(place, 1);
    if (block.ids.length === 0) this.#blocks.splice(at, 1);
    this.#size--;
    return true;
  }

  /** Moves an id to another score; undefined means not in the set. */
  move(id: string, from: number | undefined, to: number | undefined): void {
    if (from === to) return;
    if (from !== undefined) this.delete(from, id);
    if (to !== undefined) this.add(to, id);
  }

  /** Number of entries before (score, id). */
  rank(score: number, id: string): number {
    const at = this.#blockOf(score, id);
    let before = 0;
    for (let i = 0; i < at; i++) before += (this.#blocks[i] as Block).ids.length;
    const block = this.#blocks[at];
    return block === undefined ? before : before + placeIn(block, score, id);
  }

  /** The first ids whose score is at most `max`, up to `limit` of them. */
  upTo(max: number, limit: number): string[] {
    const ids: string[] = [];
    for (const { score, id } of this.ascending()) {
      if (score > max || ids.length >= limit) break;
      ids.push(id);
    }
    return ids;
  }

  /** Entries after `after` (and that entry, if `isIncluded`), or all, in ascending order. The set must not change meanwhile. */
  *ascending(after?: Scored, isIncluded = false): Generator<Scored> {
    let at = after === undefined ? 0 : this.#blockOf(after.score, after.id);
    let place = 0;
    const first = this.#blocks[at];
    if (after !== undefined && first !== undefined) {
      place = placeIn(first, after.score, after.id);
      if (!isIncluded && first.ids[place] === after.id && first.scores[place] === after.score) place++;
    }
    for (; at < this.#blocks.length; at++, place = 0) {
      const { scores, ids } = this.#blocks[at] as Block;
      for (; place < ids.length; place++) yield { score: scores[place] as number, id: ids[place] as string };
    }
  }

  /** Entries before `before`, or all, in descending order. The set must not change during the iteration. */
  *descending(before?: Scored): Generator<Scored> {
    let at =
      before === undefined
        ? this.#blocks.length - 1
        : Math.min(this.#blockOf(before.score, before.id), this.#blocks.length - 1);
    const first = this.#blocks[at];
    let place =
      first === undefined
        ? -1
        : (before === undefined ? first.ids.length : placeIn(first, before.score, before.id)) - 1;
    for (; at >= 0; at--, place = ((this.#blocks[at] as Block | undefined)?.ids.length ?? 0) - 1) {
      const { scores, ids } = this.#blocks[at] as Block;
      for (; place >= 0; place--) yield { score: scores[place] as number, id: ids[place] as string };
    }
  }

  /** The first block whose last entry is not before (score, id). */
  #blockOf(score: number, id: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { scores, ids } = this.#blocks[middle] as Block;
      const last = ids.length - 1;
      if (isBefore(scores[last] as number, ids[last] as string, score, id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(at: number, block: Block): void {
    const half = block.ids.length >> 1;
    this.#blocks.splice(at + 1, 0, { scores: block.scores.splice(half), ids: block.ids.splice(half) });
  }
}

function isBefore(score: number, id: string, otherScore: number, otherId: string): boolean {
  return score < otherScore || (score === otherScore && isBeforeInBytes(id, otherId));
}

/** The index of the first entry of the block that is not before (score, id). */
function placeIn({ scores, ids }: Block, score: number, id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(scores[middle] as number, ids[middle] as string, score, id)) low = middle + 1;
    else high = middle;
  }
  return low;
}
