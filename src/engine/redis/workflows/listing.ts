import { ORDERS, type Filter, type ListPage, type ListQuery, type Order } from '../../engine.js';
import { PAGE_BYTES } from '../../limits.js';
import { MAX_SORTED_IDS, fitting, nextPosition } from '../../page.js';
import { pickMeta } from '../../records/workflow-meta.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RedisScript, TIMED_RECORDS } from '../scripts/redis-script.js';
import { foundOf, foundWith } from './workflow-replies.js';
import { listOf, textOf } from '../scripts/reply.js';
import { BYTES_AT_ONCE, unlessUnreadable, type RedisWorkflows } from './redis-workflows.js';
import type { Sweeper } from '../sweeper.js';

const listScript = new RedisScript(TIMED_RECORDS, 'list');
const countScript = new RedisScript(TIMED_RECORDS, 'count');

/** An item and its score in the index, where the next page begins. */
interface Placed {
  readonly score: number;
  readonly item: ListPage['items'][number];
}

interface Scored {
  readonly score: number;
  readonly id: string;
}

interface Walk {
  readonly order: Order;
  readonly descending: boolean;
  readonly filter: Filter;
  readonly includeState: boolean;
}

interface Step {
  /** Undefined at the end. */
  readonly position: Scored | undefined;
  readonly newestMs: number | undefined;
  readonly placed: readonly Placed[];
}

/** Dependencies of a listing. */
export interface Listed {
  readonly reader: ScriptReader;
  readonly sweeper: Sweeper;
  readonly workflows: RedisWorkflows;
}

/** One page, read in short steps, so that no step blocks Redis for long. See ListPosition for the rising walk. */
export async function listPage(
  from: Listed,
  tenant: string,
  { filter, sort, limit, includeState, after }: ListQuery,
): Promise<ListPage> {
  const isRising = after?.rising === true;
  const walk: Walk = { order: ORDERS[sort], descending: sort.startsWith('-') && !isRising, filter, includeState };
  const found: Placed[] = [];
  const sizes: number[] = [];
  let position = after && { score: after.atMs, id: after.id };
  let newestMs: number | undefined;
  let bytes = 0;
  // One item more than the limit shows that there is a next page.
  while (found.length <= limit && bytes <= PAGE_BYTES) {
    const most = Math.min(BYTES_AT_ONCE, PAGE_BYTES - bytes + 1);
    const step = await takeStep(from, tenant, walk, position, limit + 1 - found.length, most);
    newestMs ??= step.newestMs;
    found.push(...step.placed);
    for (const { item } of step.placed) sizes.push(Buffer.byteLength(item.state ?? ''));
    bytes = sizes.reduce((sum, size) => sum + size, 0);
    position = step.position;
    if (position === undefined) break;
  }
  const sinceMs = sort === '-updatedAt' ? (after?.sinceMs ?? newestMs) : undefined;
  const shown = found.slice(0, fitting(sizes, limit, includeState));
  const last = shown.at(-1);
  const behind = last && shown.length < found.length ? { atMs: last.score, id: last.item.id } : undefined;
  return { items: shown.map(({ item }) => item), next: nextPosition(behind, { sinceMs, isRising, newestMs }) };
}

export async function countMatching(from: Listed, tenant: string, filter: Filter): Promise<number> {
  const fields = fieldsOf(filter);
  const { idPrefix, updatedAfterMs, updatedBeforeMs } = filter;
  const isBounded = updatedAfterMs !== undefined || updatedBeforeMs !== undefined;
  if (fields.length + (idPrefix === undefined ? 0 : 1) > 1 || (idPrefix !== undefined && isBounded)) {
    return countByWalking(from, tenant, filter);
  }
  const kind = idPrefix !== undefined ? 'prefix' : fields.length === 1 ? 'field' : 'all';
  const bounds = [
    updatedAfterMs === undefined ? '-inf' : `(${updatedAfterMs}`,
    updatedBeforeMs === undefined ? '+inf' : `(${updatedBeforeMs}`,
  ];
  for (;;) {
    const args = [kind, idPrefix ?? fields[0] ?? '', ...bounds];
    const count = await from.reader.run(countScript, 'count', tenant, args);
    if (count !== 'sweep') return Number(count);
    await from.sweeper.sweep(tenant);
  }
}

async function countByWalking(from: Listed, tenant: string, filter: Filter): Promise<number> {
  const walk: Walk = { order: 'updated', descending: false, filter, includeState: false };
  let count = 0;
  let position: Scored | undefined;
  do {
    const step = await takeStep(from, tenant, walk, position, MAX_SORTED_IDS, PAGE_BYTES);
    count += step.placed.length;
    position = step.position;
  } while (position !== undefined);
  return count;
}

async function takeStep(
  from: Listed,
  tenant: string,
  { order, descending, filter, includeState }: Walk,
  position: Scored | undefined,
  limit: number,
  bytes: number,
): Promise<Step> {
  const query = {
    order,
    descending,
    limit,
    steps: MAX_SORTED_IDS,
    bytes,
    fields: fieldsOf(filter),
    prefix: filter.idPrefix,
    after: filter.updatedAfterMs,
    before: filter.updatedBeforeMs,
    position,
    ...(includeState && { states: true }),
  };
  const reply = listOf(await from.reader.run(listScript, 'list', tenant, [JSON.stringify(query)]));
  const [status, score, id, stale, newest, ...items] = reply;
  const gone = JSON.parse(textOf(stale)) as unknown;
  // Another program deleted these states. Only a sweep by id removes their index entries.
  if (Array.isArray(gone)) await from.sweeper.sweep(tenant, { ids: gone as string[], entries: query.fields });
  const placed = await Promise.all(items.map((item) => placedOf(from.workflows, tenant, item, includeState)));
  return {
    position: textOf(status) === 'end' ? undefined : { score: Number(score), id: textOf(id) },
    newestMs: newest === '' ? undefined : Number(newest),
    placed: placed.filter((one) => one !== undefined),
  };
}

async function placedOf(
  workflows: RedisWorkflows,
  tenant: string,
  entry: unknown,
  includeState: boolean,
): Promise<Placed | undefined> {
  const [place, id, line, state] = listOf(entry);
  const score = Number(place);
  const found = includeState ? foundWith(textOf(id), line, textOf(state)) : foundOf(textOf(id), line);
  if (found.kind === 'ours') {
    return { score, item: { ...pickMeta(found), ...(includeState && { state: textOf(state) }) } };
  }
  const record = await workflows.find(tenant, found.id).catch(unlessUnreadable);
  // A value of another program that is not JSON is left out, or shown without its state. It must not hide other
  // workflows.
  if (record === undefined) return includeState ? undefined : { score, item: pickMeta(found) };
  return { score, item: includeState ? record : pickMeta(record) };
}

function fieldsOf({ fields = {} }: Filter): string[] {
  return Object.entries(fields).map(([field, value]) => `${field}=${value}`);
}
