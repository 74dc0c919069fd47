import type { Filter, ListPage, ListPosition, ListQuery } from '../../engine.js';
import { FEW_IDS, fitting, LAST_ID, PAGE_BYTES } from '../../page.js';
import { pickMeta, type WorkflowRecord } from '../../records/workflow-meta.js';
import { prefixOf, stateKey } from '../keys.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RECORDS, RedisScript } from '../scripts/redis-script.js';
import { foundOf } from './workflow-replies.js';
import { listOf, textOf } from '../scripts/reply.js';
import { unlessUnreadable } from './redis-workflows.js';
import type { Sweeper } from '../sweeper.js';

const listScript = new RedisScript(RECORDS, 'list');
const countScript = new RedisScript(RECORDS, 'count');

type Item = ListPage['items'][number];

/** An item and its score in the index, where the next page begins. */
interface Placed {
  readonly score: number;
  readonly item: Item;
}

interface Walk {
  readonly order: 'updated' | 'created';
  readonly descending: boolean;
  readonly filter: Filter;
  readonly includeState: boolean;
}

interface Step {
  readonly status: string;
  readonly position: { readonly score: number; readonly id: string } | undefined;
  readonly newestMs: number | undefined;
  readonly placed: readonly Placed[];
}

/** Pages and counts from the indexes, in short steps, so that no step blocks Redis for long. */
export class Listing {
  constructor(
    private readonly reader: ScriptReader,
    private readonly sweeper: Sweeper,
    private readonly namespace: string,
    private readonly find: (tenant: string, id: string) => Promise<WorkflowRecord | undefined>,
  ) {}

  /** One page; see ListPosition for the rising walk. */
  async page(tenant: string, { filter, sort, limit, includeState, after }: ListQuery): Promise<ListPage> {
    const rising = after?.rising === true;
    const walk: Walk = {
      order: sort.endsWith('updatedAt') ? 'updated' : 'created',
      descending: sort.startsWith('-') && !rising,
      filter,
      includeState,
    };
    const found: Placed[] = [];
    let position = after && { score: after.atMs, id: after.id };
    let newestMs: number | undefined;
    let bytes = 0;
    // One item more than the limit shows that there is a next page.
    while (found.length <= limit && bytes <= PAGE_BYTES) {
      const step = await this.#step(tenant, walk, position, limit + 1 - found.length, PAGE_BYTES - bytes + 1);
      newestMs ??= step.newestMs;
      found.push(...step.placed);
      for (const { item } of step.placed) bytes += Buffer.byteLength(item.state ?? '');
      position = step.position;
      if (step.status === 'end') break;
    }
    const sinceMs = sort === '-updatedAt' ? (after?.sinceMs ?? newestMs) : undefined;
    const shown = found.slice(
      0,
      fitting(
        found.map(({ item }) => Buffer.byteLength(item.state ?? '')),
        limit,
        includeState,
      ),
    );
    const next = nextOf(shown, found.length, { sinceMs, rising, newestMs });
    return { items: shown.map(({ item }) => item), next };
  }

  async count(tenant: string, filter: Filter): Promise<number> {
    const fields = Object.entries(filter.fields ?? {}).map(([field, value]) => `${field}=${value}`);
    const { idPrefix, updatedAfterMs, updatedBeforeMs } = filter;
    const isBounded = updatedAfterMs !== undefined || updatedBeforeMs !== undefined;
    if (fields.length + (idPrefix === undefined ? 0 : 1) > 1 || (idPrefix !== undefined && isBounded)) {
      return this.#countByWalking(tenant, filter);
    }
    const kind = idPrefix !== undefined ? 'prefix' : fields.length === 1 ? 'field' : 'all';
    const bounds = [
      updatedAfterMs === undefined ? '-inf' : `(${updatedAfterMs}`,
      updatedBeforeMs === undefined ? '+inf' : `(${updatedBeforeMs}`,
    ];
    for (;;) {
      const args = [kind, idPrefix ?? fields[0] ?? '', ...bounds];
      const count = await this.reader.run(
        countScript,
        'count',
        tenant,
        [stateKey(prefixOf(this.namespace, tenant), '')],
        args,
      );
      if (count !== 'sweep') return Number(count);
      await this.sweeper.sweep(tenant);
    }
  }

  async #countByWalking(tenant: string, filter: Filter): Promise<number> {
    const walk: Walk = { order: 'updated', descending: false, filter, includeState: false };
    let count = 0;
    let position: { score: number; id: string } | undefined;
    for (;;) {
      const step = await this.#step(tenant, walk, position, FEW_IDS, PAGE_BYTES);
      count += step.placed.length;
      if (step.status === 'end') return count;
      position = step.position;
    }
  }

  async #step(
    tenant: string,
    { order, descending, filter, includeState }: Walk,
    position: { score: number; id: string } | undefined,
    limit: number,
    bytes: number,
  ): Promise<Step> {
    const query = {
      order,
      descending,
      limit,
      steps: FEW_IDS,
      bytes,
      fields: Object.entries(filter.fields ?? {}).map(([field, value]) => `${field}=${value}`),
      prefix: filter.idPrefix,
      after: filter.updatedAfterMs,
      before: filter.updatedBeforeMs,
      position,
      ...(includeState && { states: true }),
    };
    const reply = listOf(
      await this.reader.run(
        listScript,
        'list',
        tenant,
        [stateKey(prefixOf(this.namespace, tenant), '')],
        [JSON.stringify(query)],
      ),
    );
    const [status, score, id, stale, newest, ...items] = reply;
    const gone = JSON.parse(textOf(stale)) as unknown;
    // Another program deleted their states; only a sweep by id clears their entries.
    if (Array.isArray(gone)) await this.sweeper.sweep(tenant, gone as string[]);
    const placed = await Promise.all(items.map((item) => this.#placed(tenant, item, includeState)));
    return {
      status: textOf(status),
      position: status === 'end' ? undefined : { score: Number(score), id: textOf(id) },
      newestMs: newest === '' ? undefined : Number(newest),
      placed: placed.filter((one) => one !== undefined),
    };
  }

  async #placed(tenant: string, item: unknown, includeState: boolean): Promise<Placed | undefined> {
    const [score, id, line, state] = listOf(item);
    const found = foundOf(textOf(id), line);
    if (found.kind === 'ours') {
      return { score: Number(score), item: { ...pickMeta(found), ...(includeState && { state: textOf(state) }) } };
    }
    const record = await this.find(tenant, found.id).catch(unlessUnreadable);
    // An unreadable value of another program is left out, or shown without its state; it hides no other workflow.
    if (record === undefined) return includeState ? undefined : { score: Number(score), item: pickMeta(found) };
    const { state: current, ...meta } = record;
    return { score: Number(score), item: includeState ? { ...meta, state: current } : meta };
  }
}

function nextOf(
  shown: readonly Placed[],
  foundCount: number,
  { sinceMs, rising, newestMs }: { sinceMs: number | undefined; rising: boolean; newestMs: number | undefined },
): ListPosition | undefined {
  const last = shown.at(-1);
  if (last !== undefined && shown.length < foundCount) {
    const walk = sinceMs === undefined ? {} : rising ? { sinceMs, rising } : { sinceMs };
    return { atMs: last.score, id: last.item.id, ...walk };
  }
  if (sinceMs !== undefined && !rising && newestMs !== undefined && newestMs > sinceMs) {
    return { atMs: sinceMs, id: LAST_ID, sinceMs, rising: true };
  }
  return undefined;
}
