import { isWritten, type Arrived, type OnConflict } from '../engine/moving/arrival.js';
import { digestOf } from '../engine/moving/digest.js';
import type { Kind, Moved } from '../engine/moving/moved.js';
import { inReads, type Moving, type Stamped } from '../engine/moving/moving.js';
import { queueStamp, stampOf } from '../engine/moving/stamp.js';
import type { Ledger } from './ledger.js';
import { taskPairs, workflowPairs, type Pair } from './pairs.js';

export type Outcome = Arrived | 'removed';

/** Told of everything that happens, as it happens. */
export interface SyncObserver {
  /** What became of a record that was not the same on both sides. */
  moved(tenant: string, kind: Kind, id: string, outcome: Outcome): void;
  /** So many records have been looked at. */
  compared(kind: Kind, count: number): void;
}

export interface SyncParts {
  readonly from: Moving;
  readonly to: Moving;
  readonly ledger: Ledger;
  readonly onConflict: OnConflict;
  readonly isDryRun?: boolean;
  readonly observer: SyncObserver;
  /** Ends the work between two steps. */
  readonly signal?: AbortSignal | undefined;
}

/** One look at everything. */
export interface Round {
  readonly counts: Record<Outcome, number>;
  /** What had to be done: created, updated and removed. */
  changes: number;
  /** Records whose digests were compared, and those that were not the same. */
  verified: number;
  readonly different: string[];
}

const PAIRS_AT_ONCE = 256;
/** Groups that are read and written at the same time. */
const GROUPS_AT_ONCE = 4;
/** A record that is written all the time is compared again so often: once it was the same, it has arrived. */
const MOST_TRIES = 20;

/** Carries what differs from one store to another. Everything about it may be done again, by this process or by a later one. */
export class Sync {
  constructor(private readonly parts: SyncParts) {}

  /** Compares all there is by stamps and carries the differences; with `verify`, by digests of what both really have. */
  async round({ verify = false }: { verify?: boolean } = {}): Promise<Round> {
    const { from, to } = this.parts;
    const round = newRound();
    for (const tenant of await from.listTenants()) {
      await this.#queues(tenant, round);
      await this.#pairs(tenant, 'task', taskPairs(from, to, tenant), round, verify);
      await this.#pairs(tenant, 'workflow', workflowPairs(from, to, tenant), round, verify);
    }
    return round;
  }

  /** Carries these records as they are at the source now, whatever they are there. */
  async carry(tenant: string, kind: Kind, ids: readonly string[], round: Round = newRound()): Promise<Round> {
    const { from, to } = this.parts;
    for (let at = 0; at < ids.length; at += PAIRS_AT_ONCE) {
      const some = ids.slice(at, at + PAIRS_AT_ONCE);
      for (const group of inReads(some.map((id) => ({ id, stamp: '', bytes: GUESSED_BYTES })))) {
        const [sources, targets] = await Promise.all([from.read(tenant, kind, group), to.read(tenant, kind, group)]);
        const pairs = group.map((id, i) => ({ id, source: stamped(sources[i]), target: stamped(targets[i]) }));
        await this.#settle(tenant, kind, pairs, round, false);
      }
    }
    return round;
  }

  async #queues(tenant: string, round: Round): Promise<void> {
    const { from, to } = this.parts;
    const there = new Map((await to.listQueues(tenant)).map((queue) => [queue.id, queueStamp(queue)]));
    const pairs = (await from.listQueues(tenant)).map(({ id, ...queue }): Pair => {
      const stamp = there.get(id);
      const source = { id, stamp: queueStamp(queue), bytes: 0 };
      return { id, source, target: stamp === undefined ? undefined : { id, stamp, bytes: 0 } };
    });
    await this.#settle(tenant, 'queue', pairs, round, false);
  }

  async #pairs(tenant: string, kind: Kind, pairs: AsyncIterable<Pair>, round: Round, verify: boolean): Promise<void> {
    let some: Pair[] = [];
    for await (const pair of pairs) {
      some.push(pair);
      if (some.length < PAIRS_AT_ONCE) continue;
      await this.#settle(tenant, kind, some, round, verify);
      some = [];
    }
    await this.#settle(tenant, kind, some, round, verify);
  }

  async #settle(tenant: string, kind: Kind, pairs: readonly Pair[], round: Round, verify: boolean): Promise<void> {
    this.parts.signal?.throwIfAborted();
    const apart = pairs.filter(({ source, target }) => source !== undefined && source.stamp !== target?.stamp);
    const alike = pairs.filter(({ source, target }) => source !== undefined && source.stamp === target?.stamp);
    round.counts.same += alike.length;
    const targets = new Map(pairs.map(({ id, target }) => [id, target]));
    await inGroups(apart, async (ids) => this.#bring(tenant, kind, ids, targets, round, verify));
    if (verify) await inGroups(alike, async (ids) => this.#verify(tenant, kind, ids, round));
    for (const { source, target } of pairs) {
      if (source === undefined && target !== undefined) await this.#takeBack(tenant, kind, target, round);
    }
    this.parts.observer.compared(kind, pairs.filter(({ source }) => source !== undefined).length);
  }

  async #bring(
    tenant: string,
    kind: Kind,
    ids: readonly string[],
    targets: ReadonlyMap<string, Stamped | undefined>,
    round: Round,
    verify: boolean,
  ): Promise<void> {
    const { from, to, ledger, onConflict, isDryRun = false, observer } = this.parts;
    const records = (await from.read(tenant, kind, ids)).filter((record) => record !== undefined);
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
    if (verify) await this.#compare(tenant, kind, carried, round);
  }

  async #verify(tenant: string, kind: Kind, ids: readonly string[], round: Round): Promise<void> {
    const records = (await this.parts.from.read(tenant, kind, ids)).filter((record) => record !== undefined);
    await this.#compare(tenant, kind, records, round);
  }

  /** What the target really has must be what was read from the source, or what the source has by now. */
  async #compare(tenant: string, kind: Kind, records: readonly Moved[], round: Round): Promise<void> {
    if (records.length === 0) return;
    const there = await this.parts.to.read(
      tenant,
      kind,
      records.map(({ id }) => id),
    );
    for (const [i, record] of records.entries()) {
      round.verified++;
      const found = there[i];
      if (found !== undefined && digestOf(found) === digestOf(record)) continue;
      const isSettled = await this.#settleOne(tenant, kind, record.id, round);
      if (!isSettled) round.different.push(`${kind} ${tenant === 'default' ? '' : `${tenant}/`}${record.id}`);
    }
  }

  /** It was written while we looked, or it is really another one: brings it once more and looks again. */
  async #settleOne(tenant: string, kind: Kind, id: string, round: Round): Promise<boolean> {
    const { from, to, ledger, onConflict } = this.parts;
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      this.parts.signal?.throwIfAborted();
      const [record] = await from.read(tenant, kind, [id]);
      const [before] = await to.read(tenant, kind, [id]);
      if (record === undefined) {
        if (before === undefined) return true;
        await this.#takeBack(tenant, kind, stamped(before) as Stamped, round);
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
      if (after !== undefined && digestOf(after) === digestOf(record)) return true;
    }
    return false;
  }

  /** What is gone at the source goes at the target too, if it is there because we brought it and has not changed since. */
  async #takeBack(tenant: string, kind: Kind, { id, stamp }: Stamped, round: Round): Promise<void> {
    const { from, to, ledger, isDryRun, observer } = this.parts;
    if (kind === 'queue' || isDryRun === true || !ledger.has(kind, tenant, id, stamp)) return;
    const [still] = await from.read(tenant, kind, [id]);
    if (still !== undefined || !(await to.remove(tenant, kind, id, stamp))) return;
    round.counts.removed++;
    round.changes++;
    observer.moved(tenant, kind, id, 'removed');
  }
}

/** Of a record whose size is not known: a few at a time. */
const GUESSED_BYTES = 128 * 1024;

export function newRound(): Round {
  const counts = { created: 0, updated: 0, same: 0, kept: 0, conflict: 0, expired: 0, removed: 0 };
  return { counts, changes: 0, verified: 0, different: [] };
}

function stamped(record: Moved | undefined): Stamped | undefined {
  return record && { id: record.id, stamp: stampOf(record), bytes: 0 };
}

async function inGroups(pairs: readonly Pair[], work: (ids: readonly string[]) => Promise<void>): Promise<void> {
  const groups = [...inReads(pairs.map(({ source }) => source as Stamped))];
  const workers = Array.from({ length: Math.min(GROUPS_AT_ONCE, groups.length) }, async () => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) await work(group);
  });
  await Promise.all(workers);
}
