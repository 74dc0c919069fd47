import { setImmediate } from 'node:timers/promises';
import { CHARACTERS_PER_TURN } from '../engine/character-turns.js';
import { digestOf } from '../engine/moving/digest.js';
import { sizeOfRecord } from '../engine/moving/arrival.js';
import { stampOf } from '../engine/moving/stamp.js';
import { isDamaged, orDamaged, stampedDamage } from '../engine/moving/damaged.js';
import type { Damaged, Moved, MovedBoard, MovedQueue, RecordKind } from '../engine/moving/moved.js';
import { isHiddenTenant } from '../engine/profile.js';
import { inReads, type Moving, type Stamped } from '../engine/moving/moving.js';
import type { Keyring } from '../access/seal/keyring.js';
import { LineSealer } from './sealed-lines.js';
import { readSound } from './read-sound.js';
import { textsOfRecord } from './record-texts.js';
import { COUNT_OF, headerOf, noCounts, textOfLine, type Counts, type DamagedLine } from './lines.js';

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
  readonly counts: Counts;
  readonly onDamage: (line: DamagedLine) => void;
}

const STAMPS_PER_PAGE = 500;
const LINES_PER_CHUNK = 200;

/**
 * An export as text, a few lines at a time; a long line comes in pieces. Reads on only when the consumer has taken these lines.
 * Damaged records are named in lines of their own, and counted in the last one.
 * @throws EncryptionUnavailableError before the first line
 */
export async function* exportLines(
  moving: Moving,
  options: ExportOptions,
  keyring: Keyring,
  onDamage: (line: DamagedLine) => void = () => undefined,
): AsyncGenerator<string> {
  const sealer = options.access === 'sealed' ? new LineSealer(keyring) : undefined;
  const form = { view: options.view, sealer, counts: noCounts(), onDamage };
  const isShown = (tenant: string) => options.access !== 'omit' || !isHiddenTenant(tenant);
  const listed = await orDamaged('workflow', '', () => moving.listTenants());
  const tenants = isDamaged(listed) ? ['default'] : listed.filter(isShown);
  const now = await orDamaged('workflow', '', () => moving.now());
  yield textOfLine(headerOf(typeof now === 'number' ? now : Date.now(), tenants, sealer?.sealing));
  if (isDamaged(listed))
    yield damageLine('default', { ...listed, message: `other tenants are missing: ${listed.message}` }, form);
  let next: string | null = null;
  for (const tenant of options.tenant === undefined ? tenants : [options.tenant].filter(isShown)) {
    // Queues come first, so that a paused queue leases no task that has just arrived.
    if (options.kinds.includes('queue'))
      yield* marked(moving, tenant, 'queue', (await moving.listQueues(tenant)).map(stampedOf), form);
    if (options.kinds.includes('board'))
      yield* marked(moving, tenant, 'board', (await moving.listBoards(tenant)).map(stampedOf), form);
    if (options.kinds.includes('workflow')) next = yield* workflows(moving, tenant, options, form);
    if (options.kinds.includes('task')) {
      for await (const stamps of moving.listTasks(tenant)) yield* marked(moving, tenant, 'task', stamps, form);
    }
  }
  yield textOfLine({ kind: 'end', ...form.counts, next });
}

function stampedOf(record: MovedQueue | MovedBoard | Damaged): Stamped {
  if (isDamaged(record)) return stampedDamage(record);
  return { id: record.id, stamp: stampOf(record), bytes: record.kind === 'board' ? sizeOfRecord(record) : 0 };
}

/** Returns the id after which a limited export continues. */
async function* workflows(moving: Moving, tenant: string, options: ExportOptions, form: Form) {
  const { limit = Number.POSITIVE_INFINITY, sinceMs } = options;
  let { after } = options;
  for (let shown = 0; ;) {
    const page = await moving.listWorkflows(tenant, after, Math.min(STAMPS_PER_PAGE, limit - shown));
    const isWanted = ({ stamp, damage }: Stamped) =>
      sinceMs === undefined || damage !== undefined || updatedIn(stamp) > sinceMs;
    yield* marked(moving, tenant, 'workflow', page.items.filter(isWanted), form);
    shown += page.items.length;
    if (page.next === undefined || shown >= limit) return page.next ?? null;
    after = page.next;
  }
}

async function* marked(
  moving: Moving,
  tenant: string,
  kind: RecordKind,
  listed: readonly Stamped[],
  form: Form,
): AsyncGenerator<string> {
  const { view, counts } = form;
  for (const { id, damage } of listed)
    if (damage !== undefined) yield damageLine(tenant, { kind: 'damaged', of: kind, id, message: damage }, form);
  const stamps = listed.filter(({ damage }) => damage === undefined);
  if (view === 'stamps') {
    for (let at = 0; at < stamps.length; at += LINES_PER_CHUNK) {
      const some = stamps.slice(at, at + LINES_PER_CHUNK);
      counts[COUNT_OF[kind]] += some.length;
      yield some.map((stamped) => textOfLine({ kind, tenant, ...stamped })).join('');
    }
    return;
  }
  for (const ids of inReads(stamps)) {
    // The embedded engine answers in the same turn of the event loop, and each read makes a megabyte of lines.
    await setImmediate();
    let text = '';
    for (const record of await readSound(moving, tenant, kind, ids)) {
      if (record === undefined) continue;
      if (isDamaged(record)) {
        text += damageLine(tenant, record, form);
        continue;
      }
      counts[COUNT_OF[kind]]++;
      for await (const piece of textsOfLine(tenant, record, form)) {
        text += piece;
        if (text.length < CHARACTERS_PER_TURN) continue;
        yield text;
        text = '';
      }
    }
    if (text !== '') yield text;
  }
}

/** The line of a record, in pieces. */
async function* textsOfLine(tenant: string, record: Moved, { view, sealer }: Form): AsyncGenerator<string> {
  if (view === 'digests') {
    const { kind, id } = record;
    return yield textOfLine({ kind, tenant, id, digest: await digestOf(record) });
  }
  const sealed = sealer?.seal(tenant, record);
  if (sealed !== undefined) return yield textOfLine(sealed);
  yield* textsOfRecord({ tenant, ...record });
  yield '\n';
}

function damageLine(tenant: string, damaged: Damaged, { counts, onDamage }: Form): string {
  const { kind, of, id, message } = damaged;
  const line: DamagedLine = { kind, tenant, of, id, message };
  counts.damaged++;
  onDamage(line);
  return textOfLine(line);
}

/** Stamps of workflows start with "<incarnation>-<version> <updated> ". */
function updatedIn(stamp: string): number {
  return Number(stamp.split(' ', 2)[1]);
}
