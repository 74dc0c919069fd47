import { ERASED_PREFIX } from '../engine/erasure.js';
import { isWritten, type Arrived, type OnConflict } from '../engine/moving/arrival.js';
import { digestOf } from '../engine/moving/digest.js';
import { isDamaged, stampedDamage } from '../engine/moving/damaged.js';
import type { Damaged, RecordKind, Moved } from '../engine/moving/moved.js';
import { inReads, READ_AT_ONCE, type Moving, type Stamped } from '../engine/moving/moving.js';
import { stampOf } from '../engine/moving/stamp.js';
import { ACCESS_TENANT, ownerOf } from '../engine/profile.js';
import type { Ledger } from './ledger.js';
import type { DamagedLine } from './lines.js';
import { readSound } from './read-sound.js';
import { taskPairs, workflowPairs, type Pair } from './pairs.js';

export type SyncOutcome = Arrived | 'removed';

/** Observer of a synchronisation. */
export interface SyncObserver {
  /** Called with the outcome of each record that differed. */
  moved(tenant: string, kind: RecordKind, id: string, outcome: SyncOutcome): void;
  /** Called with the number of compared records. */
  compared(kind: RecordKind, count: number): void;
}

export interface SyncParts {
  readonly from: Moving;
  readonly to: Moving;
  readonly ledger: Ledger;
  readonly onConflict: OnConflict;
  readonly isDryRun?: boolean;
  /** The caller merges boards, instead of copying those that the target does not have. */
  readonly withoutBoards?: boolean;
  readonly observer: SyncObserver;
  /** Aborts between two steps. */
  readonly signal?: AbortSignal | undefined;
}

/** Result of one comparison of all records. */
export interface Round {
  readonly counts: Record<SyncOutcome, number>;
  /** Number of records created, updated and removed. */
  changes: number;
  /** Number of records whose digests were compared. */
  verified: number;
  /** Names of the records that differ. */
  readonly different: string[];
  /** Records of the source that cannot be read, and so were not copied. */
  readonly damaged: DamagedLine[];
}

/** Kind of records to copy, and the round that counts them. */
interface Step {
  readonly tenant: string;
  readonly kind: RecordKind;
  readonly round: Round;
  /** Compare digests too. */
  readonly verify?: boolean;
}

const PAIRS_PER_STEP = 256;
/** Groups read and written at the same time. */
const MAX_PARALLEL_GROUPS = 4;
/** Size assumed for a record of unknown size. */
const ASSUMED_BYTES = 128 * 1024;
/** Maximum attempts to copy a record that is written continuously. It is enough if both sides are equal once. */
const MAX_TRIES = 20;

/** Copies differences from one store to another. All steps are idempotent, also across processes. */
export class Sync {
  constructor(private readonly parts: SyncParts) {}

  /** Compares all records by stamps and copies the differences; with `verify`, also compares digests. */
  async round({ verify = false }: { verify?: boolean } = {}): Promise<Round> {
    const { from, to } = this.parts;
    const round = newRound();
    for (const tenant of [...(await from.listTenants()), ...(await this.#erasedAtSource())]) {
      await this.#listed({ tenant, kind: 'queue', round }, (moving) => moving.listQueues(tenant));
      if (this.parts.withoutBoards !== true)
        await this.#listed({ tenant, kind: 'board', round }, (moving) => moving.listBoards(tenant));
      await this.#pairs({ tenant, kind: 'task', round, verify }, taskPairs(from, to, tenant));
      await this.#pairs({ tenant, kind: 'workflow', round, verify }, workflowPairs(from, to, tenant));
    }
    return round;
  }

  /**
   * Tenants of the target that were erased at the source, which does not list them any more. What was copied of them
   * before is removed like other records that are gone.
   */
  async #erasedAtSource(): Promise<readonly string[]> {
    const { from, to, ledger } = this.parts;
    if (ledger.size === 0) return [];
    const listed = new Set(await from.listTenants());
    const others = (await to.listTenants()).filter((tenant) => !listed.has(tenant));
    const erased: string[] = [];
    for (let at = 0; at < others.length; at += READ_AT_ONCE) {
      const some = others.slice(at, at + READ_AT_ONCE);
      const ids = some.map((tenant) => ERASED_PREFIX + ownerOf(tenant));
      const notes = await from.read(ACCESS_TENANT, 'workflow', ids);
      erased.push(...some.filter((_, i) => notes[i] !== undefined));
    }
    return erased;
  }

  /** Copies these records as they are at the source now. */
  async carry(tenant: string, kind: RecordKind, ids: readonly string[], round: Round = newRound()): Promise<Round> {
    const { from, to } = this.parts;
    for (let at = 0; at < ids.length; at += PAIRS_PER_STEP) {
      const some = ids.slice(at, at + PAIRS_PER_STEP);
      for (const group of inReads(some.map((id) => ({ id, stamp: '', bytes: ASSUMED_BYTES })))) {
        const [sources, targets] = await Promise.all([from.read(tenant, kind, group), to.read(tenant, kind, group)]);
        const pairs = group.map((id, i) => ({ id, source: stamped(sources[i]), target: stamped(targets[i]) }));
        await this.#carryPairs({ tenant, kind, round }, pairs);
      }
    }
    return round;
  }

  /** Carries all records of a kind of which there are few. */
  async #listed(step: Step, list: (moving: Moving) => Promise<readonly (Moved | Damaged)[]>): Promise<void> {
    const { from, to } = this.parts;
    const targets = new Map((await list(to)).map((record) => [record.id, stamped(record)]));
    const sources = await list(from);
    const pairs = sources.map((record) => ({ id: record.id, source: stamped(record), target: targets.get(record.id) }));
    await this.#carryPairs(step, pairs);
  }

  async #pairs(step: Step, pairs: AsyncIterable<Pair>): Promise<void> {
    let some: Pair[] = [];
    for await (const pair of pairs) {
      some.push(pair);
      if (some.length < PAIRS_PER_STEP) continue;
      await this.#carryPairs(step, some);
      some = [];
    }
    await this.#carryPairs(step, some);
  }

  async #carryPairs(step: Step, pairs: readonly Pair[]): Promise<void> {
    this.parts.signal?.throwIfAborted();
    for (const { id, source } of pairs)
      if (source?.damage !== undefined) damagedIn(step, { kind: 'damaged', of: step.kind, id, message: source.damage });
    const present = pairs.filter(({ source }) => source !== undefined && source.damage === undefined);
    const equal = present.filter(({ source, target }) => source?.stamp === target?.stamp);
    const different = present.filter(({ source, target }) => source?.stamp !== target?.stamp);
    step.round.counts.same += equal.length;
    const targets = new Map(pairs.map(({ id, target }) => [id, target]));
    await inGroups(different, (ids) => this.#carryGroup(step, ids, targets));
    if (step.verify === true) await inGroups(equal, async (ids) => this.#compare(step, await this.#sources(step, ids)));
    for (const { source, target } of pairs) {
      if (source === undefined && target !== undefined) await this.#removeFromTarget(step, target);
    }
    this.parts.observer.compared(step.kind, present.length);
  }

  async #sources(step: Step, ids: readonly string[]): Promise<Moved[]> {
    const found = await readSound(this.parts.from, step.tenant, step.kind, ids);
    return found.flatMap((record) => {
      if (isDamaged(record)) damagedIn(step, record);
      return record === undefined || isDamaged(record) ? [] : record;
    });
  }

  async #carryGroup(
    step: Step,
    ids: readonly string[],
    targets: ReadonlyMap<string, Stamped | undefined>,
  ): Promise<void> {
    const { to, ledger, onConflict, isDryRun = false, observer } = this.parts;
    const { tenant, kind, round } = step;
    const records = await this.#sources(step, ids);
    const arrivals = records.map((record) => {
      const stamp = targets.get(record.id)?.stamp;
      const isOurs = stamp !== undefined && ledger.has(kind, tenant, record.id, stamp);
      return { record, onConflict, isDryRun, ...(isOurs && { replaces: stamp }) };
    });
    const marks = records.map((record) => ({ id: record.id, stamp: stampOf(record) }));
    if (!isDryRun) ledger.add(kind, tenant, marks);
    const arrived = await to.putAll(tenant, arrivals);
    const carried: Moved[] = [];
    for (const [i, outcome] of arrived.entries()) {
      const record = records[i] as Moved;
      round.counts[outcome]++;
      if (isWritten(outcome)) round.changes++;
      if (outcome !== 'kept' && outcome !== 'conflict' && outcome !== 'expired') carried.push(record);
      observer.moved(tenant, kind, record.id, outcome);
    }
    if (step.verify === true) await this.#compare(step, carried);
  }

  /** Each record of the target must equal the one that was read from the source, or the current one of the source. */
  async #compare(step: Step, records: readonly Moved[]): Promise<void> {
    if (records.length === 0) return;
    const { tenant, kind, round } = step;
    const ids = records.map(({ id }) => id);
    const there = await this.parts.to.read(tenant, kind, ids);
    for (const [i, record] of records.entries()) {
      round.verified++;
      const found = there[i];
      if (found !== undefined && !isDamaged(found) && (await areEqual(found, record))) continue;
      const isEqual = await this.#carryUntilEqual(step, record.id);
      if (!isEqual) round.different.push(`${kind} ${tenant === 'default' ? '' : `${tenant}/`}${record.id}`);
    }
  }

  /** Copies a record that was written meanwhile, or really differs, until both sides are equal. */
  async #carryUntilEqual(step: Step, id: string): Promise<boolean> {
    const { from, to, ledger, onConflict } = this.parts;
    const { tenant, kind, round } = step;
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      this.parts.signal?.throwIfAborted();
      const [record] = await readSound(from, tenant, kind, [id]);
      const [before] = await to.read(tenant, kind, [id]);
      if (isDamaged(record)) {
        damagedIn(step, record);
        return true;
      }
      if (isDamaged(before)) return false;
      if (record === undefined) {
        if (before === undefined) return true;
        await this.#removeFromTarget(step, { id, stamp: stampOf(before) });
        continue;
      }
      const stamp = before && stampOf(before);
      const isOurs = stamp !== undefined && ledger.has(kind, tenant, id, stamp);
      ledger.add(kind, tenant, [{ id, stamp: stampOf(record) }]);
      const outcome = await to.put(tenant, record, { onConflict, ...(isOurs && { replaces: stamp }) });
      if (isWritten(outcome)) round.changes++;
      if (outcome === 'expired') return true;
      if (outcome === 'kept' || outcome === 'conflict') {
        round.counts[outcome]++;
        return outcome === 'kept';
      }
      const [after] = await to.read(tenant, kind, [id]);
      if (after !== undefined && !isDamaged(after) && (await areEqual(after, record))) return true;
    }
    return false;
  }

  /** Removes a record from the target that is gone at the source, if this migration wrote it and it has not changed since. */
  async #removeFromTarget({ tenant, kind, round }: Step, { id, stamp }: Omit<Stamped, 'bytes'>): Promise<void> {
    const { from, to, ledger, isDryRun, observer } = this.parts;
    if (kind === 'queue' || kind === 'board' || isDryRun === true || !ledger.has(kind, tenant, id, stamp)) return;
    const [still] = await from.read(tenant, kind, [id]);
    if (still !== undefined || !(await to.remove(tenant, kind, id, stamp))) return;
    round.counts.removed++;
    round.changes++;
    observer.moved(tenant, kind, id, 'removed');
  }
}

export function newRound(): Round {
  const counts = { created: 0, updated: 0, same: 0, kept: 0, conflict: 0, expired: 0, removed: 0 };
  return { counts, changes: 0, verified: 0, different: [], damaged: [] };
}

async function areEqual(one: Moved, other: Moved): Promise<boolean> {
  return (await digestOf(one)) === (await digestOf(other));
}

function stamped(record: Moved | Damaged | undefined): Stamped | undefined {
  if (isDamaged(record)) return stampedDamage(record);
  return record && { id: record.id, stamp: stampOf(record), bytes: 0 };
}

/** A record can be met more than once in a round. */
function damagedIn({ tenant, round: { damaged } }: Step, { kind, of, id, message }: Damaged): void {
  const isKnown = damaged.some((one) => one.tenant === tenant && one.of === of && one.id === id);
  if (!isKnown || id === '') damaged.push({ kind, tenant, of, id, message });
}

async function inGroups(pairs: readonly Pair[], work: (ids: readonly string[]) => Promise<void>): Promise<void> {
  const groups = [...inReads(pairs.map(({ source }) => source as Stamped))];
  const workers = Array.from({ length: Math.min(MAX_PARALLEL_GROUPS, groups.length) }, async () => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) await work(group);
  });
  await Promise.all(workers);
}
