import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Filter, ListPage, ListPosition, ListQuery } from '../engine.js';
import { FEW_IDS, fitting, LAST_ID } from '../page.js';
import type { Collection } from './collection.js';
import type { Entry } from './entry.js';
import { SortedSet, type Scored } from './sorted-set.js';

/** Entries looked at before others get their turn: rare matches among a million must not hold the process. */
const EXAMINED_AT_ONCE = 5000;
type Direction = 'ascending' | 'descending';

/** One page of the walk a listing is on: in the order asked for, or rising through what was written meanwhile. */
export async function listPage(collection: Collection, query: ListQuery, now: () => number): Promise<ListPage> {
  const { sort, limit, after, includeState } = query;
  const rising = after?.rising === true;
  const newest = newestOf(collection);
  const sinceMs = sort === '-updatedAt' ? (after?.sinceMs ?? newest) : undefined;
  const direction = sort.startsWith('-') && !rising ? 'descending' : 'ascending';

  // One more than asked for tells whether there is a next page.
  const found = await matching(collection, query, direction, limit + 1, now);
  const items = found.slice(
    0,
    fitting(
      found.map(({ bytes }) => bytes),
      limit,
      includeState,
    ),
  );
  const last = items.at(-1);
  const atMs = last && (sort.endsWith('updatedAt') ? last.updatedAtMs : last.createdAtMs);
  const walk = sinceMs === undefined ? {} : rising ? { sinceMs, rising } : { sinceMs };
  let next: ListPosition | undefined;
  if (last !== undefined && items.length < found.length) {
    next = { atMs: atMs as number, id: last.id, ...walk };
  } else if (sinceMs !== undefined && !rising && newest !== undefined && newest > sinceMs) {
    next = { atMs: sinceMs, id: LAST_ID, sinceMs, rising: true };
  }
  return { items: items.map((entry) => itemOf(entry, includeState)), next };
}

async function matching(
  collection: Collection,
  { filter, sort, after }: ListQuery,
  direction: Direction,
  most: number,
  now: () => number,
): Promise<Entry[]> {
  const order = sort.endsWith('updatedAt') ? 'updated' : 'created';
  const driver = driverOf(collection, filter, order);
  if (driver === undefined) return [];
  const found: Entry[] = [];
  let position: Scored | undefined = after && { score: after.atMs, id: after.id };
  for (;;) {
    let examined = 0;
    const at = now();
    for (const scored of driver[direction](position)) {
      const entry = collection.get(scored.id);
      if (entry !== undefined && isLive(entry, at) && matches(entry, filter)) found.push(entry);
      if (found.length === most) return found;
      position = scored;
      if (++examined === EXAMINED_AT_ONCE) break;
    }
    if (examined < EXAMINED_AT_ONCE) return found;
    await nextTurn();
  }
}

export async function countMatching(collection: Collection, filter: Filter, now: () => number): Promise<number> {
  const known = knownCount(collection, filter);
  if (known !== undefined) {
    // It counts some whose end has come but who are not swept yet.
    let due = 0;
    for (const { score, id } of collection.deadlines.ascending()) {
      if (score > now()) break;
      if (matches(collection.get(id) as Entry, filter)) due++;
    }
    return known - due;
  }
  const driver = driverOf(collection, filter, 'updated');
  if (driver === undefined) return 0;
  let count = 0;
  let position: Scored | undefined;
  for (;;) {
    let examined = 0;
    const at = now();
    for (const scored of driver.ascending(position)) {
      const entry = collection.get(scored.id) as Entry;
      if (isLive(entry, at) && matches(entry, filter)) count++;
      position = scored;
      if (++examined === EXAMINED_AT_ONCE) break;
    }
    if (examined < EXAMINED_AT_ONCE) return count;
    await nextTurn();
  }
}

/** The number of entries that an index knows without walking: all, those with one field's value, or those with a prefix. */
function knownCount(
  collection: Collection,
  { fields = {}, idPrefix, updatedAfterMs, updatedBeforeMs }: Filter,
): number | undefined {
  if (updatedAfterMs !== undefined || updatedBeforeMs !== undefined) return undefined;
  const [field, ...others] = Object.entries(fields);
  if (others.length > 0 || (field !== undefined && idPrefix !== undefined)) return undefined;
  if (field !== undefined) return collection.having(...field)?.updated.size ?? 0;
  return idPrefix === undefined ? collection.updated.size : countPrefix(collection, idPrefix);
}

/** The smallest set that holds all matching entries; undefined when there can be none. */
function driverOf(collection: Collection, filter: Filter, order: 'updated' | 'created'): SortedSet | undefined {
  let driver = collection[order];
  for (const [field, value] of Object.entries(filter.fields ?? {})) {
    const sets = collection.having(field, value);
    if (sets === undefined) return undefined;
    if (sets[order].size < driver.size) driver = sets[order];
  }
  const { idPrefix } = filter;
  if (idPrefix === undefined) return driver;
  const few = countPrefix(collection, idPrefix);
  return few <= FEW_IDS && few < driver.size ? sortedByPrefix(collection, idPrefix, order) : driver;
}

function sortedByPrefix(collection: Collection, idPrefix: string, order: 'updated' | 'created'): SortedSet {
  const sorted = new SortedSet();
  const add = (entry: Entry) => sorted.add(order === 'updated' ? entry.updatedAtMs : entry.createdAtMs, entry.id);
  // The walk starts behind the prefix, which may itself be an id.
  const exact = collection.get(idPrefix);
  if (exact !== undefined) add(exact);
  for (const { id } of collection.ids.ascending({ score: 0, id: idPrefix })) {
    if (!id.startsWith(idPrefix)) break;
    add(collection.get(id) as Entry);
  }
  return sorted;
}

function countPrefix(collection: Collection, idPrefix: string): number {
  return collection.ids.rank(0, idPrefix + LAST_ID) - collection.ids.rank(0, idPrefix);
}

export function isLive(entry: Entry, at: number): boolean {
  return entry.deadlineMs === null || entry.deadlineMs > at;
}

function matches(entry: Entry, { idPrefix, fields = {}, updatedAfterMs, updatedBeforeMs }: Filter): boolean {
  if (idPrefix !== undefined && !entry.id.startsWith(idPrefix)) return false;
  if (updatedAfterMs !== undefined && entry.updatedAtMs <= updatedAfterMs) return false;
  if (updatedBeforeMs !== undefined && entry.updatedAtMs >= updatedBeforeMs) return false;
  for (const field in fields) if (entry.index[field] !== fields[field]) return false;
  return true;
}

function newestOf(collection: Collection): number | undefined {
  for (const { score } of collection.updated.descending()) return score;
  return undefined;
}

function itemOf(
  { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, state }: Entry,
  includeState: boolean,
): ListPage['items'][number] {
  return { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ...(includeState && { state }) };
}
