import { digestOf } from '../engine/moving/digest.js';
import { sizeOfRecord } from '../engine/moving/arrival.js';
import { queueStamp, stampOf } from '../engine/moving/stamp.js';
import type { RecordKind } from '../engine/moving/moved.js';
import { isHiddenTenant } from '../engine/profile.js';
import { inReads, type Moving, type Stamped } from '../engine/moving/moving.js';
import type { Keyring } from '../access/seal/keyring.js';
import { LineSealer } from './sealed-lines.js';
import { COUNT_OF, headerOf, noCounts, textOfLine, type Counts } from './lines.js';

export const VIEWS = ['records', 'stamps', 'digests'] as const;
export type View = (typeof VIEWS)[number];

/** Whether hidden tenants are exported, and how. */
export const ACCESS = ['include', 'sealed', 'omit'] as const;
export type Access = (typeof ACCESS)[number];

export const KINDS: readonly RecordKind[] = ['queue', 'board', 'workflow', 'task'];

export interface ExportOptions {
  readonly view: View;
  readonly kinds: readonly RecordKind[];
  readonly access: Access;
  /** All tenants when absent. */
  readonly tenant?: string | undefined;
  /** Only workflows updated after this time. */
  readonly sinceMs?: number | undefined;
  /** Only workflows after this id, at most `limit` of them. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/** How records become lines. */
interface Form {
  readonly view: View;
  readonly sealer: LineSealer | undefined;
}

const STAMPS_PER_PAGE = 500;
const LINES_PER_CHUNK = 200;

/**
 * An export as text, a few lines at a time. Reads on only when the consumer has taken these lines.
 * @throws EncryptionUnavailableError before the first line
 */
export async function* exportLines(moving: Moving, options: ExportOptions, keyring: Keyring): AsyncGenerator<string> {
  const sealer = options.access === 'sealed' ? new LineSealer(keyring) : undefined;
  const isShown = (tenant: string) => options.access !== 'omit' || !isHiddenTenant(tenant);
  const tenants = (await moving.listTenants()).filter(isShown);
  yield textOfLine(headerOf(await moving.now(), tenants, sealer?.sealing));
  const counts = noCounts();
  const form = { view: options.view, sealer };
  let next: string | null = null;
  for (const tenant of options.tenant === undefined ? tenants : [options.tenant].filter(isShown)) {
    // Queues come first, so that a paused queue leases no task that has just arrived.
    if (options.kinds.includes('queue')) {
      const stamps = (await moving.listQueues(tenant)).map((queue) => ({
        id: queue.id,
        stamp: queueStamp(queue),
        bytes: 0,
      }));
      yield* marked(moving, tenant, 'queue', stamps, form, counts);
    }
    if (options.kinds.includes('board')) {
      const stamps = (await moving.listBoards(tenant)).map((board) => ({
        id: board.id,
        stamp: stampOf(board),
        bytes: sizeOfRecord(board),
      }));
      yield* marked(moving, tenant, 'board', stamps, form, counts);
    }
    if (options.kinds.includes('workflow')) next = yield* workflows(moving, tenant, options, form, counts);
    if (options.kinds.includes('task')) {
      for await (const stamps of moving.listTasks(tenant)) yield* marked(moving, tenant, 'task', stamps, form, counts);
    }
  }
  yield textOfLine({ kind: 'end', ...counts, next });
}

/** Returns the id after which a limited export continues. */
async function* workflows(moving: Moving, tenant: string, options: ExportOptions, form: Form, counts: Counts) {
  const { limit = Number.POSITIVE_INFINITY, sinceMs } = options;
  let { after } = options;
  for (let shown = 0; ;) {
    const page = await moving.listWorkflows(tenant, after, Math.min(STAMPS_PER_PAGE, limit - shown));
    const wanted = sinceMs === undefined ? page.items : page.items.filter(({ stamp }) => updatedIn(stamp) > sinceMs);
    yield* marked(moving, tenant, 'workflow', wanted, form, counts);
    shown += page.items.length;
    if (page.next === undefined || shown >= limit) return page.next ?? null;
    after = page.next;
  }
}

async function* marked(
  moving: Moving,
  tenant: string,
  kind: RecordKind,
  stamps: readonly Stamped[],
  { view, sealer }: Form,
  counts: Counts,
): AsyncGenerator<string> {
  if (view === 'stamps') {
    for (let at = 0; at < stamps.length; at += LINES_PER_CHUNK) {
      const some = stamps.slice(at, at + LINES_PER_CHUNK);
      counts[COUNT_OF[kind]] += some.length;
      yield some.map((stamped) => textOfLine({ kind, tenant, ...stamped })).join('');
    }
    return;
  }
  for (const ids of inReads(stamps)) {
    const lines: string[] = [];
    for (const record of await moving.read(tenant, kind, ids)) {
      if (record === undefined) continue;
      counts[COUNT_OF[kind]]++;
      const line =
        view === 'digests'
          ? { kind, tenant, id: record.id, digest: digestOf(record) }
          : (sealer?.seal(tenant, record) ?? { tenant, ...record });
      lines.push(textOfLine(line));
    }
    if (lines.length > 0) yield lines.join('');
  }
}

/** Stamps of workflows start with "<incarnation>-<version> <updated> ". */
function updatedIn(stamp: string): number {
  return Number(stamp.split(' ', 2)[1]);
}
