import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../clock.js';
import type { Filter, ListPage, ListPosition, ListQuery } from '../../engine.js';
import { FEW_IDS, fitting, LAST_ID } from '../../page.js';
import type { Collection } from './collection.js';
import { isLive, type Entry } from './entry.js';
import { inOrder, type Order } from './members.js';
import type { SortedSet, Scored } from '../sorted-set.js';

/** Entries looked at before others get their turn: rare matches among a million must not hold the process. */
const EXAMINED_AT_ONCE = 2000;
/** Before every id with the same score. */
const FIRST_ID = '';

/** A way through a set in one direction. */
interface Walk {
  readonly set: SortedSet;
  readonly direction: 'ascending' | 'descending';
  readonly from: Scored | undefined;
  /** No entry that is wanted has a score behind this one. */
  readonly end: number;
}

/** One page of the walk a listing is on: in the order asked for, or rising through what was written meanwhile. */
export async function listPage(collection: Collection, query: ListQuery, now: Clock): Promise<ListPage> {
  const { sort, limit, after, includeState } = query;
  const isRising = after?.rising === true;
  const sinceMs = sort === '-updatedAt' ? (after?.sinceMs ?? collection.updated.last?.score) : undefined;

  const walk = walkOf(collection, query);
  const found: Entry[] = [];
  if (walk !== undefined) {
    await examine(collection, walk, query.filter, now, (entry) => {
      found.push(entry);
      // One more than asked for tells whether there is a next page.
      return found.length <= limit;
    });
  }
  const sizes = found.map(({ state }) => state.length);
  const items = found.slice(0, fitting(sizes, limit, includeState));
  const last = items.at(-1);
  const newest = collection.updated.last?.score;
  const way = sinceMs === undefined ? {} : isRising ? { sinceMs, rising: true } : { sinceMs };
  let next: ListPosition | undefined;
  if (last !== undefined && items.length < found.length) {
    next = { atMs: orderOf(sort) === 'updated' ? last.updatedAtMs : last.createdAtMs, id: last.id, ...way };
  } else if (sinceMs !== undefined && !isRising && newest !== undefined && newest > sinceMs) {
    next = { atMs: sinceMs, id: LAST_ID, sinceMs, rising: true };
  }
  return { items: items.map((entry) => itemOf(entry, includeState)), next };
}

export async function countMatching(collection: Collection, filter: Filter, now: Clock): Promise<number> {
  const known = knownCount(collection, filter, now());
  if (known !== undefined) return known;
  const walk = walkOf(collection, { filter, sort: 'updatedAt' });
  let count = 0;
  if (walk !== undefined) {
    await examine(collection, walk, filter, now, () => {
      count++;
      return true;
    });
  }
  return count;
}

/** Shows each live match to `take` until it has enough and says false; lets others have a turn now and then. */
async function examine(
  collection: Collection,
  { set, direction, from, end }: Walk,
  filter: Filter,
  now: Clock,
  take: (entry: Entry) => boolean,
): Promise<void> {
  let position = from;
  for (;;) {
    let examined = 0;
    const at = now();
    for (const scored of set[direction](position)) {
      if (direction === 'ascending' ? scored.score > end : scored.score < end) return;
      const entry = collection.get(scored.id) as Entry;
      if (isLive(entry, at) && matches(entry, filter) && !take(entry)) return;
      position = scored;
      if (++examined === EXAMINED_AT_ONCE) break;
    }
    if (examined < EXAMINED_AT_ONCE) return;
    await nextTurn();
  }
}

/** The shortest way that meets all matching entries in order; undefined when there can be none. */
function walkOf(
  collection: Collection,
  { filter, sort, after }: Pick<ListQuery, 'filter' | 'sort' | 'after'>,
): Walk | undefined {
  const order = orderOf(sort);
  const set = smallestSet(collection, filter, order);
  if (set === undefined) return undefined;
  const direction = sort.startsWith('-') && after?.rising !== true ? 'descending' : 'ascending';
  // The bounds are of the updated time; in the other order they only filter.
  const { updatedAfterMs, updatedBeforeMs } = order === 'updated' ? filter : {};
  const position = after && { score: after.atMs, id: after.id };
  if (direction === 'ascending') {
    const bound = updatedAfterMs === undefined ? undefined : { score: updatedAfterMs, id: LAST_ID };
    const from = position && bound && position.score < bound.score ? bound : (position ?? bound);
    return { set, direction, from, end: updatedBeforeMs ?? Infinity };
  }
  const bound = updatedBeforeMs === undefined ? undefined : { score: updatedBeforeMs, id: FIRST_ID };
  const from = position && bound && position.score > bound.score ? bound : (position ?? bound);
  return { set, direction, from, end: updatedAfterMs ?? -Infinity };
}

/** The smallest set in the order asked for that holds all matching entries; undefined when there can be none. */
function smallestSet(collection: Collection, filter: Filter, order: Order): SortedSet | undefined {
  let smallest = collection[order];
  for (const [field, value] of Object.entries(filter.fields ?? {})) {
    const members = collection.having(field, value);
    if (members === undefined) return undefined;
    if (members.size < smallest.size) smallest = members.in(order);
  }
  const { idPrefix } = filter;
  if (idPrefix === undefined) return smallest;
  const few = countPrefix(collection, idPrefix);
  if (few > FEW_IDS || few >= smallest.size) return smallest;
  return inOrder(order, withPrefix(collection, idPrefix), collection.entries);
}

function* withPrefix(collection: Collection, idPrefix: string): Generator<string> {
  // A walk starts behind its position, and the prefix may itself be an id.
  if (collection.get(idPrefix) !== undefined) yield idPrefix;
  for (const { id } of collection.ids.ascending({ score: 0, id: idPrefix })) {
    if (!id.startsWith(idPrefix)) break;
    yield id;
  }
}

/**
 * The number that the indexes know without looking at entries: of all, of those with one field's value, or with a prefix. What
 * has expired and is not swept yet is taken off again.
 */
function knownCount(collection: Collection, filter: Filter, at: number): number | undefined {
  const { fields = {}, idPrefix, updatedAfterMs, updatedBeforeMs } = filter;
  const isBounded = updatedAfterMs !== undefined || updatedBeforeMs !== undefined;
  const [field, ...others] = Object.entries(fields);
  if (others.length > 0 || (idPrefix !== undefined && (isBounded || field !== undefined))) return undefined;
  // Usually a handful, if any: the sweep is never far behind.
  const due = collection.deadlines.rank(at, LAST_ID);
  if (due > EXAMINED_AT_ONCE) return undefined;

  let count: number;
  if (idPrefix !== undefined) {
    count = countPrefix(collection, idPrefix);
  } else {
    const set = field === undefined ? collection.updated : collection.having(...field)?.in('updated');
    if (set === undefined) return 0;
    const before = updatedBeforeMs === undefined ? set.size : set.rank(updatedBeforeMs, FIRST_ID);
    const tooOld = updatedAfterMs === undefined ? 0 : set.rank(updatedAfterMs, LAST_ID);
    count = Math.max(0, before - tooOld);
  }
  for (const { score, id } of due === 0 ? [] : collection.deadlines.ascending()) {
    if (score > at) break;
    if (matches(collection.get(id) as Entry, filter)) count--;
  }
  return count;
}

function countPrefix(collection: Collection, idPrefix: string): number {
  return collection.ids.rank(0, idPrefix + LAST_ID) - collection.ids.rank(0, idPrefix);
}

function matches(entry: Entry, { idPrefix, fields, updatedAfterMs, updatedBeforeMs }: Filter): boolean {
  if (idPrefix !== undefined && !entry.id.startsWith(idPrefix)) return false;
  if (updatedAfterMs !== undefined && entry.updatedAtMs <= updatedAfterMs) return false;
  if (updatedBeforeMs !== undefined && entry.updatedAtMs >= updatedBeforeMs) return false;
  for (const field in fields) if (entry.index[field] !== fields[field]) return false;
  return true;
}

function orderOf(sort: ListQuery['sort']): Order {
  return sort.endsWith('updatedAt') ? 'updated' : 'created';
}

function itemOf(
  { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, state }: Entry,
  includeState: boolean,
): ListPage['items'][number] {
  return {
    id,
    incarnation,
    version,
    createdAtMs,
    updatedAtMs,
    deadlineMs,
    ...(includeState && { state: state.toString() }),
  };
}
