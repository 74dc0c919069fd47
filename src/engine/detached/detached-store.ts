import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { appliedInTurns } from '../applied-in-turns.js';
import type { Clock } from '../clock.js';
import type { Commit, KnownOutcome, Outcome } from '../commit.js';
import type { EngineOptions } from '../engine.js';
import { DetachedFullError, IdempotencyMismatchError, NotHeldError } from '../errors.js';
import { tenantKey } from '../tenant-key.js';
import { etagOf, type WorkflowRecord } from '../records/workflow-meta.js';
import type { StoreEpoch } from '../store-epoch.js';
import type { WorkflowIndex } from '../workflow-index.js';
import { acceptCommit, baseEtagOf, type Held } from './accept-commit.js';
import { idOf, recordAfter, sizeOf, type DetachedEntry, type Fate } from './detached-entry.js';
import type { DetachedJournal, Fates } from './detached-journal.js';
import type { DetachedObserver } from './detached-observer.js';
import type { HeldCopies } from './held-copies.js';
import { WaitingEntries, workflowIdsOf, type Holds, type Refusal } from './waiting-entries.js';

/** Commits per flush. */
const MAX_BATCH = 128;
/** Drained entries per removal from the journal. After a crash they are drained again, without effect. */
const REMOVED_AT_ONCE = 64;
/** Pause before drained entries are removed again whose removal has failed. */
const RETRY_MS = 1000;

/** Refused entries that the log names. */
const MAX_LOGGED = 10;

/** Last write to a workflow during this outage, and the record after it. */
interface Own {
  readonly n: number;
  readonly record: WorkflowRecord | undefined;
  readonly baseEtag: string | undefined;
}

function outcomesIn(fate: Fate | undefined): readonly KnownOutcome[] {
  return fate?.is === 'version' && fate.isExact ? (fate.outcomes ?? []) : [];
}

const UNKNOWN: Held = { base: { on: 'unknown' }, record: undefined, own: undefined };

interface Waiting {
  readonly tenant: string;
  readonly commit: Commit;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface DetachedStoreParts {
  readonly journal: DetachedJournal;
  readonly copies: HeldCopies;
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  readonly clock: Clock;
  /** Limit of waiting entries, in bytes. */
  readonly maxBytes: number;
  readonly onChange: (tenant: string, id: string) => void;
}

/**
 * Accepts writes while the store is unreachable. Each write is checked against the held workflows, journaled before it
 * is acknowledged, and kept in order until it is drained.
 * Commits that arrive during a flush share the next one. If a flush fails, all its commits are undone and refused.
 */
export class DetachedStore {
  readonly #logger = new Logger('Detached');
  readonly #own = new Map<string, Own>();
  readonly #outcomes = new Map<string, { readonly fingerprint: string; readonly outcome: Outcome }>();
  readonly #entries = new WaitingEntries();
  #fates = new Map<number, Fates>();
  #drained: { readonly n: number; readonly fates: Fates }[] = [];
  #arrived: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #appending: Promise<void> | undefined;
  #removing: Promise<void> = Promise.resolve();
  #lastN = 0;
  /** Number of the last entry that the journal has. */
  #lastJournaledN = 0;
  /** By number of an entry that may be in the store already: the time of that attempt, or the earliest one possible. */
  readonly #attempted = new Map<number, number>();
  /** Answers of the store that were lost, by number of the entry. */
  readonly #lostAnswers = new Map<number, number>();
  #drainingSinceMs: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** By slot. */
  readonly #epochs: Map<string, string>;
  /** Entries that were accepted before a loss of data in the store. */
  readonly #beforeLoss = new Set<number>();

  constructor(private readonly parts: DetachedStoreParts) {
    const { entries, fates, epochs, drainingSinceMs } = parts.journal.read();
    this.#epochs = new Map(epochs);
    this.#drainingSinceMs = drainingSinceMs;
    if (drainingSinceMs !== undefined)
      for (const { n, atMs } of entries) this.#attempted.set(n, Math.max(drainingSinceMs, atMs));
    this.#fates = new Map(fates);
    this.#lastN = Math.max(0, ...fates.keys(), ...entries.map(({ n }) => n));
    for (const entry of entries) this.#add(entry);
    this.#lastJournaledN = this.#lastN;
  }

  get isVolatile(): boolean {
    return this.parts.journal.isVolatile;
  }

  /** Acknowledged commits that are not in the store yet; `bytes` is an estimate. `heldBack`: refused, or behind such. */
  get waiting(): { readonly entries: number; readonly bytes: number; readonly heldBack: number } {
    const { size, bytes, openSize } = this.#entries;
    return { entries: size, bytes, heldBack: size - openSize };
  }

  /** No entry of these tenants waits that can be drained now, and no commit of them is about to become one. */
  isDrained(holds: Holds): boolean {
    return !this.#entries.hasOpen(holds) && !this.#arrived.some(({ tenant }) => holds(tenant));
  }

  /** Whether an entry of the tenant waits. */
  hasEntriesOf(tenant: string): boolean {
    return this.#entries.countOf(tenant) > 0;
  }

  /** Entries that the store refuses, although it serves others. */
  get refusals(): readonly Refusal[] {
    return this.#entries.refusals;
  }

  /** Time of performance.now() at which the next refused entry is due. */
  get retryAt(): number | undefined {
    return this.#entries.retryAt;
  }

  get hasEntries(): boolean {
    return this.#entries.size > 0;
  }

  /** Whether a write of this replica to the workflow still waits. */
  isWaiting(tenant: string, id: string): boolean {
    return this.#own.size > 0 && this.#own.has(tenantKey(tenant, id));
  }

  /** Whether a commit with this once key still waits. */
  isWaitingOnce(tenant: string, key: string): boolean {
    return this.#outcomes.size > 0 && this.#outcomes.has(tenantKey(tenant, key));
  }

  /** A server of the store was reachable, now or before the start. */
  get wasReached(): boolean {
    return this.#epochs.size > 0;
  }

  report(observer: DetachedObserver): void {
    const { entries, bytes, heldBack } = this.waiting;
    observer.waiting(entries, bytes);
    observer.heldBack(heldBack);
  }

  /** Resolves when the entries that are being written now are on disk or undone. Others may be written after them. */
  async flushed(): Promise<void> {
    await this.#appending?.catch(() => undefined);
  }

  /** Undefined if deleted here. @throws NotHeldError */
  async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    // A flush in progress may fail and be undone.
    await this.#flushing;
    const { base, record, own } = this.#held(tenant, id);
    if (base.on === 'unknown') throw new NotHeldError(`this replica has no recent copy of workflow ${id}`);
    return record !== undefined && own === undefined ? { ...record, isHeldCopy: true } : record;
  }

  /** The workflow after the last write of this replica that waits; undefined if none does, or if it has expired. */
  async findOwn(tenant: string, id: string): Promise<{ readonly record: WorkflowRecord | undefined } | undefined> {
    await this.#flushing;
    const { own, record } = this.#held(tenant, id);
    return own && { record };
  }

  /** @throws IdempotencyMismatchError */
  async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    await this.#flushing;
    return this.#known(tenant, key, fingerprint);
  }

  async commit(tenant: string, given: Commit): Promise<Outcome> {
    const commit = await this.#inTurns(tenant, given);
    return new Promise((resolve, reject) => {
      this.#arrived.push({ tenant, commit, resolve, reject });
      this.#flushing ??= this.#flushAll();
    });
  }

  /**
   * Oldest entries of these tenants that can be drained in parallel. An entry that is being written to the journal has
   * to wait: if that fails, it is undone and refused, and the next one gets its number.
   */
  next(max: number, holds: Holds): DetachedEntry[] {
    return this.#entries.next(max, holds, this.#lastJournaledN);
  }

  /** Sets an entry aside that the store refuses, and the later ones about its workflows. */
  setAside(entry: DetachedEntry, reason: string): void {
    const { times } = this.#entries.refuse(entry, reason, this.parts.clock());
    if (times > 1 || this.#entries.refusedSize > MAX_LOGGED) return;
    const workflows = workflowIdsOf(entry).join(', ');
    const about = workflows === '' ? 'without a workflow' : `to ${workflows}`;
    this.#logger.error(
      `Redis refuses the write ${about} of tenant ${entry.tenant}: ${reason}. It is kept and tried again; later writes to the same workflows wait behind it`,
    );
  }

  /** Refused entries that are due at this time of performance.now(), by default now, are drained again. */
  takeBack(now?: number): void {
    this.#entries.takeBack(now);
  }

  /**
   * Notes that entries are drained from now on: after a crash, those that are still in the journal may be in the store.
   */
  async beginDrain(): Promise<void> {
    if (this.#drainingSinceMs !== undefined) return;
    const now = this.parts.clock();
    try {
      await this.parts.journal.setDrainingSince(now);
      this.#drainingSinceMs = now;
    } catch (error) {
      // A full disk must not keep the replica from its store.
      this.#logger.warn(`the beginning of the drain could not be written to the journal: ${String(error)}`);
    }
  }

  /** The answer of the store was lost, so the entry may be in it. */
  noteAttempt({ n }: DetachedEntry): void {
    if (!this.#attempted.has(n)) this.#attempted.set(n, this.parts.clock());
    this.#lostAnswers.set(n, this.lostAnswersTo({ n }) + 1);
  }

  /** Answers of the store to the entry that were lost since the start. */
  lostAnswersTo({ n }: Pick<DetachedEntry, 'n'>): number {
    return this.#lostAnswers.get(n) ?? 0;
  }

  /** The server, which has this epoch now, has lost data since it was reachable last. */
  hasLostData({ slot, name }: StoreEpoch): boolean {
    const known = this.#epochs.get(slot);
    return known !== undefined && known !== name;
  }

  /** The entries of these tenants so far were accepted before a loss of data. */
  noteLoss(holds: Holds): void {
    for (const { n, tenant } of this.#entries.values()) if (holds(tenant)) this.#beforeLoss.add(n);
  }

  isFromBeforeLoss({ n }: DetachedEntry): boolean {
    return this.#beforeLoss.has(n);
  }

  /** Time since which the entry may be in the store, also from before the start; undefined if it is not. */
  attemptedAt({ n }: DetachedEntry): number | undefined {
    return this.#attempted.get(n);
  }

  /** Whether a later write of this outage builds on the entry. */
  hasFollower({ n, tenant, parts }: DetachedEntry): boolean {
    return parts.some((part) => {
      const own = this.#own.get(tenantKey(tenant, idOf(part)));
      return own !== undefined && own.n > n;
    });
  }

  fateOf(n: number, id: string) {
    return this.#fates.get(n)?.[id];
  }

  /** Removes a drained entry. `current`: its workflows in the store, as far as known. */
  async remove(entry: DetachedEntry, fates: Fates, current: readonly WorkflowRecord[]): Promise<void> {
    const { n, tenant, parts } = entry;
    this.#fates.set(n, fates);
    this.#drained.push({ n, fates });
    if (this.#drained.length >= REMOVED_AT_ONCE) await this.#removeAll();
    this.#entries.delete(entry);
    this.#attempted.delete(n);
    this.#lostAnswers.delete(n);
    this.#beforeLoss.delete(n);
    for (const part of parts) {
      const key = tenantKey(tenant, idOf(part));
      // A later write to the workflow still waits to be drained.
      if (this.#own.get(key)?.n !== n) continue;
      this.#own.delete(key);
      const record = current.find(({ id }) => id === idOf(part));
      if (record === undefined) this.parts.copies.forget(tenant, idOf(part));
      else this.parts.copies.keep(tenant, record, outcomesIn(fates[record.id]));
      this.parts.onChange(tenant, idOf(part));
    }
  }

  /** Drops outcomes and fates of what the store has: it answers now, so no new entry builds on a drained one. */
  async forget(): Promise<void> {
    this.#outcomes.clear();
    for (const entry of this.#entries.values()) this.#rememberOutcome(entry);
    await this.settle();
  }

  /** Removes all drained entries from the journal. If that fails (full disk), it is tried again later. */
  async settle(): Promise<void> {
    clearTimeout(this.#retry);
    await this.#removeAll();
    if (this.#drained.length > 0) {
      if (!this.#isClosed) this.#retry = setTimeout(() => void this.settle().catch(() => undefined), RETRY_MS).unref();
      return;
    }
    if (this.#entries.size === 0 && this.#fates.size > 0) {
      this.#fates = new Map();
      await this.parts.journal.clear();
    }
    if (this.#attempted.size > 0 || this.#drainingSinceMs === undefined) return;
    await this.parts.journal.setDrainingSince(undefined);
    this.#drainingSinceMs = undefined;
  }

  async setEpoch(epoch: StoreEpoch): Promise<void> {
    const { slot, name } = epoch;
    if (name === this.#epochs.get(slot)) return;
    await this.parts.journal.setEpoch(epoch);
    this.#epochs.set(slot, name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#flushing;
    await this.#removeAll();
    await this.parts.journal.close();
  }

  /** A failed removal (full disk) must not stop the drain: the next start drains these entries again, without effect. */
  async #removeAll(): Promise<void> {
    this.#removing = this.#removing.then(() => this.#removeFromJournal());
    await this.#removing;
  }

  async #removeFromJournal(): Promise<void> {
    const drained = this.#drained;
    if (drained.length === 0) return;
    try {
      await this.parts.journal.remove(drained);
      this.#drained = this.#drained.slice(drained.length);
    } catch (error) {
      this.#logger.warn(`${drained.length} drained entries could not be removed from the journal: ${String(error)}`);
    }
  }

  #held(tenant: string, id: string): Held {
    const now = this.parts.clock();
    const isOver = (record: WorkflowRecord) => record.deadlineMs !== null && record.deadlineMs <= now;
    const own = this.#own.get(tenantKey(tenant, id));
    if (own !== undefined) {
      const { n, record, baseEtag } = own;
      const base = { on: 'commit', n, etag: record === undefined ? null : etagOf(record) } as const;
      return record !== undefined && isOver(record) ? UNKNOWN : { base, record, own: { baseEtag } };
    }
    const record = this.parts.copies.get(tenant, id);
    // The store may have a later deadline than an expired copy.
    if (record === undefined || isOver(record)) return UNKNOWN;
    const { incarnation, version, check } = record;
    const follows = this.parts.copies.followedBy(tenant, id);
    const outcomes = this.parts.copies.outcomesOf(tenant, id);
    const known = outcomes.length > 0 && { outcomes };
    return { base: { on: 'version', incarnation, version, check, follows, ...known }, record, own: undefined };
  }

  /** A commit with several patches, which were applied before its own turn. */
  async #inTurns(tenant: string, commit: Commit): Promise<Commit> {
    const { patches = [] } = commit;
    if (patches.length < 2) return commit;
    const stateOf = (id: string) => this.#held(tenant, id).record?.state;
    const { clock, options } = this.parts;
    const { maxStateBytes } = options;
    return { ...commit, patches: await appliedInTurns(patches, stateOf, { at: new Date(clock()), maxStateBytes }) };
  }

  #known(tenant: string, key: string, fingerprint: string): Outcome | undefined {
    const known = this.#outcomes.get(tenantKey(tenant, key));
    if (known === undefined) return undefined;
    if (known.fingerprint !== fingerprint) throw new IdempotencyMismatchError();
    return { ...known.outcome, replayed: true };
  }

  async #flushAll(): Promise<void> {
    // Commits of the same turn share the first flush.
    await Promise.resolve();
    while (this.#arrived.length > 0) {
      const batch = this.#arrived.splice(0, MAX_BATCH);
      const answers: (() => void)[] = [];
      const made: DetachedEntry[] = [];
      const undo: (() => void)[] = [];
      for (const { tenant, commit, resolve, reject } of batch) {
        try {
          const { outcome, entry } = this.#accept(tenant, commit);
          if (entry !== undefined) {
            undo.push(this.#add(entry));
            made.push(entry);
          }
          answers.push(() => resolve(outcome));
        } catch (error) {
          answers.push(() => reject(error));
        }
      }
      try {
        if (made.length > 0) await (this.#appending = this.parts.journal.append(made));
        this.#lastJournaledN = this.#lastN;
        for (const { tenant, parts } of made) for (const part of parts) this.parts.onChange(tenant, idOf(part));
        for (const answer of answers) answer();
      } catch (error) {
        for (const back of undo.toReversed()) back();
        // Refused commits fail with the same error: their refusal may be due to a commit that is undone.
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn as the last check, so that the next commit starts a new flush.
    this.#flushing = undefined;
  }

  #accept(tenant: string, commit: Commit): { outcome: Outcome; entry?: DetachedEntry } {
    const { key, fingerprint } = commit.once;
    const known = this.#known(tenant, key, fingerprint);
    if (known !== undefined) return { outcome: known };
    const { options, index, clock, maxBytes } = this.parts;
    const entry = acceptCommit(commit, {
      n: this.#lastN + 1,
      tenant,
      now: clock(),
      held: (id) => this.#held(tenant, id),
      options,
      index,
      newIncarnation: () => randomBytes(9).toString('base64url'),
    });
    if (this.#entries.bytes + sizeOf(entry) > maxBytes) throw new DetachedFullError(maxBytes);
    return { outcome: { ...entry.outcome, replayed: false }, entry };
  }

  /** Adds an entry. Returns a function that undoes this. */
  #add(entry: DetachedEntry): () => void {
    const { n, tenant, parts } = entry;
    const before: [key: string, own: Own | undefined][] = [];
    const lastN = this.#lastN;
    this.#lastN = Math.max(lastN, n);
    this.#entries.add(entry);
    for (const part of parts) {
      const key = tenantKey(tenant, idOf(part));
      const own = this.#own.get(key);
      before.unshift([key, own]);
      this.#own.set(key, { n, baseEtag: own?.baseEtag ?? baseEtagOf(part.base), record: recordAfter(part) });
    }
    const outcomeKey = this.#rememberOutcome(entry);
    return () => {
      this.#entries.delete(entry);
      this.#lastN = lastN;
      this.#outcomes.delete(outcomeKey);
      for (const [key, own] of before) {
        // The earlier entry may have been drained since then.
        if (own === undefined || !this.#entries.has(own.n)) this.#own.delete(key);
        else this.#own.set(key, own);
      }
    };
  }

  /** Returns the key of the outcome. */
  #rememberOutcome({ tenant, once, outcome }: DetachedEntry): string {
    const key = tenantKey(tenant, once.key);
    this.#outcomes.set(key, { fingerprint: once.fingerprint, outcome: { ...outcome, replayed: true } });
    return key;
  }
}
