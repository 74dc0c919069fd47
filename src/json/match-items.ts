import type { JsonNode } from './document.js';
import { longestIncreasing } from './longest-increasing.js';
import { canonicalNumber } from './canonical-number.js';

/** For each item of the new array, the index of its old item; -1 when it is new. */
export type Matches = number[];

type Items = readonly JsonNode[];

/** Above this number of different items, hashing takes too long and items are matched by index. */
const MAX_HASHED_ITEMS = 20_000;

/**
 * Matches the items of two arrays in O(n log n). Objects with unique ids are matched by id, even when moved and changed. Other
 * items are matched by their text, and the rest between two matches by position.
 */
export function matchItems(before: Items, after: Items): Matches {
  if (before.length === 0 || after.length === 0) return Array.from(after, () => -1);
  if (before.length + after.length > MAX_HASHED_ITEMS) return Array.from(after, (_, j) => (j < before.length ? j : -1));
  const idsBefore = uniqueIds(before);
  const idsAfter = idsBefore && uniqueIds(after);
  if (idsBefore !== undefined && idsAfter !== undefined) return matchKeys(idsBefore, idsAfter);
  const matches = matchKeys(occurrenceKeys(before), occurrenceKeys(after));
  pairByPlace(before.length, matches);
  return matches;
}

/** Indexes in the new array of the largest set of matched items that kept their order. */
export function orderedMatches(matches: Matches): number[] {
  const places: number[] = [];
  matches.forEach((i, j) => {
    if (i !== -1) places.push(j);
  });
  return longestIncreasing(places.map((j) => matches[j] as number)).map((at) => places[at] as number);
}

function matchKeys(before: readonly string[], after: readonly string[]): Matches {
  const places = new Map(before.map((key, i) => [key, i]));
  return after.map((key) => places.get(key) ?? -1);
}

/** The `id` of each item as a key; undefined unless all items are objects with different scalar ids. */
function uniqueIds(items: Items): string[] | undefined {
  const keys = new Set<string>();
  for (const item of items) {
    const id = item.kind === 'object' ? item.get('id') : undefined;
    if (id === undefined || id.kind === 'object' || id.kind === 'array') return undefined;
    keys.add(id.kind === 'number' ? canonicalNumber(id.text) : JSON.stringify(id.value()));
  }
  return keys.size === items.length ? [...keys] : undefined;
}

/** The text of each item, plus its occurrence number when repeated: the second of one array matches the second of the other. */
function occurrenceKeys(items: Items): string[] {
  const seen = new Map<string, number>();
  return items.map(({ text }) => {
    const count = (seen.get(text) ?? 0) + 1;
    seen.set(text, count);
    return count === 1 ? text : `${text}#${count}`;
  });
}

/** Pairs unmatched items at the same position between two ordered matches, as edits of one item. */
function pairByPlace(size: number, matches: Matches): void {
  const anchors = orderedMatches(matches);
  const isTaken = new Uint8Array(size);
  for (const i of matches) if (i !== -1) isTaken[i] = 1;
  let i = 0;
  let j = 0;
  for (const anchor of [...anchors, matches.length]) {
    const end = matches[anchor] ?? size;
    for (; j < anchor; j++) {
      if (matches[j] !== -1) continue;
      while (i < end && isTaken[i] === 1) i++;
      if (i < end) matches[j] = i++;
    }
    i = end + 1;
    j = anchor + 1;
  }
}
