import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../clock.js';
import { ORDERS, type Filter, type ListPage, type ListQuery, type Order } from '../../engine.js';
import { MAX_SORTED_IDS, fitting, LAST_ID, nextPosition } from '../../page.js';
import type { WorkflowCollection } from './workflow-collection.js';
import { decodedInTurns } from './decoded-in-turns.js';
import { liveAt, type Entry } from './entry.js';
import { inOrder, scoreIn } from './members.js';
import type { SortedSet, Scored } from '../sorted-set.js';
import { pickMeta } from '../../records/workflow-meta.js';

/** Entries examined in one turn of the event loop, so that a search through a million does not block requests. */
const EXAMINED_PER_TURN = 2000;
/** Sorts before every id with the same score. */
const FIRST_ID = '';

/** A range of a sorted set, in one direction. */
interface Walk {
  readonly set: SortedSet;
  readonly direction: 'ascending' | 'descending';
  readonly from: Scored | undefined;
  readonly isFromIncluded?: boolean;
  /** Score of the last entry that can match. */
  readonly end: number;
  /** Start of all ids that can match. */
  readonly idPrefix?: string;
}

/**
 * One page of a list. After its last page, a list by `-updatedAt` goes on, oldest first, with all workflows written
 * since its first page (`rising`; see ListPosition), so that no workflow is missed.
 */
export async function listPage(workflows: WorkflowCollection, query: ListQuery, now: Clock): Promise<ListPage> {
  const { sort, limit, after, includeState } = query;
  const isRising = after?.rising === true;
  const sinceMs = sort === '-updatedAt' ? (after?.sinceMs ?? workflows.updated.last?.score) : undefined;

  const walk = walkOf(workflows, query);
  const found: Entry[] = [];
  await examine(workflows, walk, query.filter, now, (entry) => {
    found.push(entry);
    // One more than the limit shows that there is a next page.
    return found.length <= limit;
  });
  const sizes = found.map(({ state }) => state.length);
  const items = found.slice(0, fitting(sizes, limit, includeState));
  const last = items.at(-1);
  const position = last && items.length < found.length ? { atMs: scoreIn(ORDERS[sort], last), id: last.id } : undefined;
  const next = nextPosition(position, { sinceMs, isRising, newestMs: workflows.updated.last?.score });
  if (!includeState) return { items: items.map(pickMeta), next };
  const states = await decodedInTurns(items.map(({ state }) => state));
  return { items: items.map((entry, i) => ({ ...pickMeta(entry), state: states[i] as string })), next };
}

export async function countMatching(workflows: WorkflowCollection, filter: Filter, now: Clock): Promise<number> {
  const known = knownCount(workflows, filter, now());
  if (known !== undefined) return known;
  const walk = walkOf(workflows, { filter, sort: 'updatedAt' });
  let count = 0;
  await examine(workflows, walk, filter, now, () => {
    count++;
    return true;
  });
  return count;
}

/** Passes each live match to `take` until that returns false; yields to the event loop now and then. */
async function examine(
  workflows: WorkflowCollection,
  walk: Walk | undefined,
  filter: Filter,
  now: Clock,
  take: (entry: Entry) => boolean,
): Promise<void> {
  if (walk === undefined) return;
  const { set, direction, from, end, idPrefix = '' } = walk;
  let position = from;
  let { isFromIncluded = false } = walk;
  for (;;) {
    let examined = 0;
    const at = now();
    for (const scored of set[direction](position, isFromIncluded)) {
      if (!scored.id.startsWith(idPrefix)) return;
      if (direction === 'ascending' ? scored.score > end : scored.score < end) return;
      const entry = workflows.get(scored.id) as Entry;
      if (liveAt(entry, at) !== undefined && matches(entry, filter) && !take(entry)) return;
      position = scored;
      if (++examined === EXAMINED_PER_TURN) break;
    }
    if (examined < EXAMINED_PER_TURN) return;
    isFromIncluded = false;
    await nextTurn();
  }
}

/** The shortest range with all matches, in order; undefined when there can be none. */
function walkOf(
  workflows: WorkflowCollection,
  { filter, sort, after }: Pick<ListQuery, 'filter' | 'sort' | 'after'>,
): Walk | undefined {
  const order = ORDERS[sort];
  const set = smallestSet(workflows, filter, order);
  if (set === undefined) return undefined;
  const direction = sort.startsWith('-') && after?.rising !== true ? 'descending' : 'ascending';
  // Bounds apply to the time of update; in the order of creation they only filter.
  const { updatedAfterMs, updatedBeforeMs } = order === 'updated' ? filter : {};
  const position = after && { score: after.atMs, id: after.id };
  if (order === 'ids') return walkOfIds(set, direction, position, filter.idPrefix);
  if (direction === 'ascending') {
    const bound = updatedAfterMs === undefined ? undefined : { score: updatedAfterMs, id: LAST_ID };
    const from = position && bound && position.score < bound.score ? bound : (position ?? bound);
    return { set, direction, from, end: updatedBeforeMs ?? Infinity };
  }
  const bound = updatedBeforeMs === undefined ? undefined : { score: updatedBeforeMs, id: FIRST_ID };
  const from = position && bound && position.score > bound.score ? bound : (position ?? bound);
  return { set, direction, from, end: updatedAfterMs ?? -Infinity };
}

/** Ids with a prefix are beside each other, so the walk begins and ends with them. */
function walkOfIds(
  set: SortedSet,
  direction: Walk['direction'],
  position: Scored | undefined,
  idPrefix: string | undefined,
): Walk {
  const end = direction === 'ascending' ? Infinity : -Infinity;
  if (idPrefix === undefined) return { set, direction, from: position, end };
  if (direction === 'descending')
    return { set, direction, from: position ?? { score: 0, id: idPrefix + LAST_ID }, end, idPrefix };
  const from = position ?? { score: 0, id: idPrefix };
  return { set, direction, from, isFromIncluded: position === undefined, end, idPrefix };
}

/** The smallest set in this order with all matches; undefined when there can be none. */
function smallestSet(workflows: WorkflowCollection, filter: Filter, order: Order): SortedSet | undefined {
  let smallest = workflows[order];
  for (const [field, value] of Object.entries(filter.fields ?? {})) {
    const members = workflows.having(field, value);
    if (members === undefined) return undefined;
    // Larger ones are not kept in the order of the ids.
    if (order === 'ids' && members.size > MAX_SORTED_IDS) continue;
    if (members.size < smallest.size) smallest = members.in(order);
  }
  const { idPrefix } = filter;
  if (idPrefix === undefined || order === 'ids') return smallest;
  const few = countPrefix(workflows, idPrefix);
  if (few > MAX_SORTED_IDS || few >= smallest.size) return smallest;
  return inOrder(order, withPrefix(workflows, idPrefix), workflows.entries);
}

function* withPrefix(workflows: WorkflowCollection, idPrefix: string): Generator<string> {
  for (const { id } of workflows.ids.ascending({ score: 0, id: idPrefix }, true)) {
    if (!id.startsWith(idPrefix)) break;
    yield id;
  }
}

/**
 * Count from the indexes alone, without examining entries: of all, of one value of a field, or of a prefix. Expired workflows
 * that are not swept yet are subtracted.
 */
function knownCount(workflows: WorkflowCollection, filter: Filter, at: number): number | undefined {
  const { fields = {}, idPrefix, updatedAfterMs, updatedBeforeMs } = filter;
  const isBounded = updatedAfterMs !== undefined || updatedBeforeMs !== undefined;
  const [field, ...others] = Object.entries(fields);
  if (others.length > 0 || (idPrefix !== undefined && (isBounded || field !== undefined))) return undefined;
  // The sweep keeps this number small.
  const due = workflows.deadlines.rank(at, LAST_ID);
  if (due > EXAMINED_PER_TURN) return undefined;

  let count: number;
  if (idPrefix !== undefined) {
    count = countPrefix(workflows, idPrefix);
  } else {
    const set = field === undefined ? workflows.updated : workflows.having(...field)?.in('updated');
    if (set === undefined) return 0;
    const before = updatedBeforeMs === undefined ? set.size : set.rank(updatedBeforeMs, FIRST_ID);
    const tooOld = updatedAfterMs === undefined ? 0 : set.rank(updatedAfterMs, LAST_ID);
    count = Math.max(0, before - tooOld);
  }
  for (const id of workflows.deadlines.upTo(at, due)) if (matches(workflows.get(id) as Entry, filter)) count--;
  return count;
}

function countPrefix(workflows: WorkflowCollection, idPrefix: string): number {
  return workflows.ids.rank(0, idPrefix + LAST_ID) - workflows.ids.rank(0, idPrefix);
}

function matches(entry: Entry, { idPrefix, fields, updatedAfterMs, updatedBeforeMs }: Filter): boolean {
  if (idPrefix !== undefined && !entry.id.startsWith(idPrefix)) return false;
  if (updatedAfterMs !== undefined && entry.updatedAtMs <= updatedAfterMs) return false;
  if (updatedBeforeMs !== undefined && entry.updatedAtMs >= updatedBeforeMs) return false;
  for (const field in fields) if (entry.index[field] !== fields[field]) return false;
  return true;
}
