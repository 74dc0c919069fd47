import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { Clock } from '../clock.js';
import type { Commit, Outcome } from '../commit.js';
import type { EngineOptions } from '../engine.js';
import { DetachedFullError, IdempotencyMismatchError, NotHeldError } from '../errors.js';
import { tenantKey } from '../tenant-key.js';
import { etagOf, type WorkflowRecord } from '../records/workflow-meta.js';
import type { WorkflowIndex } from '../workflow-index.js';
import { acceptCommit, baseEtagOf, type Held } from './accept-commit.js';
import { idOf, sizeOf, type DetachedEntry, type DetachedPart } from './detached-entry.js';
import type { DetachedJournal, Fates } from './detached-journal.js';
import type { HeldCopies } from './held-copies.js';

/** Commits that one flush serves. */
const MOST_AT_ONCE = 128;
/** Entries that are drained before the journal is told; what it had not been told is drained again, which does nothing. */
const SETTLED_AT_ONCE = 64;

/** Entries that are looked at for such as can be drained side by side. */
const MOST_LOOKED_AT = 1000;

/** What was written here to one workflow: the last write, and the record it left. */
interface Own {
  readonly n: number;
  readonly record: WorkflowRecord | undefined;
  readonly baseEtag: string | undefined;
}

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
  /** Of what waits, in bytes. */
  readonly mostBytes: number;
  readonly onChange: (tenant: string, id: string) => void;
}

/**
 * What is written while the store is away: accepted against what this replica holds, in the journal before it is acknowledged, and
 * kept in order until it is drained. Commits that come in during a flush share the next one; when a flush fails, all of them are
 * undone and refused.
 */
export class DetachedStore {
  readonly #logger = new Logger('Detached');
  readonly #own = new Map<string, Own>();
  readonly #outcomes = new Map<string, { readonly fingerprint: string; readonly outcome: Outcome }>();
  readonly #entries = new Map<number, DetachedEntry>();
  #fates = new Map<number, Fates>();
  #unsettled: { readonly n: number; readonly fates: Fates }[] = [];
  #arrived: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #settling: Promise<void> = Promise.resolve();
  #bytes = 0;
  #lastN = 0;
  #epoch: string | undefined;

  constructor(private readonly parts: DetachedStoreParts) {
    const { entries, fates, epoch } = parts.journal.read();
    this.#epoch = epoch;
    this.#fates = new Map(fates);
    this.#lastN = Math.max(0, ...fates.keys(), ...entries.map(({ n }) => n));
    for (const entry of entries) this.#add(entry);
  }

  get isVolatile(): boolean {
    return this.parts.journal.isVolatile;
  }

  /** Acknowledged commits that the store does not have yet, and their bytes, about. */
  get waiting(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  /** Nothing waits, and nothing is about to. */
  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#arrived.length === 0 && this.#flushing === undefined;
  }

  /** The store's name for its data when it was last there. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** Settles when no flush is under way. */
  async flushed(): Promise<void> {
    await this.#flushing;
  }

  /** Undefined when it was deleted here. @throws NotHeldError */
  async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    // What a flush under way may still undo, nobody must see.
    await this.#flushing;
    const held = this.#held(tenant, id);
    if (held.is === 'deleted') return undefined;
    if (held.is === 'unknown') throw new NotHeldError(`this replica has not seen workflow ${id} lately`);
    return held.own === undefined ? { ...held.record, isHeldCopy: true } : held.record;
  }

  /** @throws IdempotencyMismatchError */
  async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    await this.#flushing;
    return this.#known(tenant, key, fingerprint);
  }

  commit(tenant: string, commit: Commit): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#arrived.push({ tenant, commit, resolve, reject });
      this.#flushing ??= this.#flushAll();
    });
  }

  /**
   * Those that have waited longest, and of which none is about what an earlier one that still waits is about: they may be drained side
   * by side, and each workflow's in order.
   */
  next(most: number): DetachedEntry[] {
    const entries: DetachedEntry[] = [];
    const taken = new Set<string>();
    let looked = 0;
    for (const [, entry] of this.#entries) {
      if (entries.length === most || ++looked > MOST_LOOKED_AT) break;
      const subjects = subjectsOf(entry);
      if (!subjects.some((subject) => taken.has(subject))) entries.push(entry);
      for (const subject of subjects) taken.add(subject);
    }
    return entries;
  }

  /** Whether a later write here was made on this one. */
  hasFollower({ n, tenant, parts }: DetachedEntry): boolean {
    return parts.some((part) => {
      const own = this.#own.get(tenantKey(tenant, idOf(part)));
      return own !== undefined && own.n > n;
    });
  }

  fateOf(n: number, id: string) {
    return this.#fates.get(n)?.[id];
  }

  /** It is drained. `current` are its workflows as the store has them now, as far as that is known. */
  async settle(entry: DetachedEntry, fates: Fates, current: readonly WorkflowRecord[]): Promise<void> {
    const { n, tenant, parts } = entry;
    this.#fates.set(n, fates);
    this.#unsettled.push({ n, fates });
    if (this.#unsettled.length >= SETTLED_AT_ONCE) await this.#settleAll();
    this.#entries.delete(n);
    this.#bytes -= sizeOf(entry);
    for (const part of parts) {
      const key = tenantKey(tenant, idOf(part));
      // What a later write stands on is still only here.
      if (this.#own.get(key)?.n !== n) continue;
      this.#own.delete(key);
      const record = current.find(({ id }) => id === idOf(part));
      if (record === undefined) this.parts.copies.forget(tenant, idOf(part));
      else this.parts.copies.keep(tenant, record);
      this.parts.onChange(tenant, idOf(part));
    }
  }

  /** From now on the store itself answers; nothing rests on what was here. */
  async forget(): Promise<void> {
    this.#outcomes.clear();
    await this.#settleAll();
    if (this.#fates.size === 0 || this.#unsettled.length > 0) return;
    this.#fates = new Map();
    await this.parts.journal.clear();
  }

  async setEpoch(epoch: string): Promise<void> {
    if (epoch === this.#epoch) return;
    await this.parts.journal.setEpoch(epoch);
    this.#epoch = epoch;
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#settleAll();
    await this.parts.journal.close();
  }

  /**
   * Tells the journal what is drained. One that cannot be told just now (a full disk) must not hold up the drain: what it still holds
   * is drained again by the next start, which does nothing.
   */
  async #settleAll(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#tellJournal());
    await this.#settling;
  }

  async #tellJournal(): Promise<void> {
    const settled = this.#unsettled;
    if (settled.length === 0) return;
    try {
      await this.parts.journal.settle(settled);
      this.#unsettled = this.#unsettled.slice(settled.length);
    } catch (error) {
      this.#logger.warn(`the journal could not be told that ${settled.length} entries are drained: ${String(error)}`);
    }
  }

  #held(tenant: string, id: string): Held {
    const now = this.parts.clock();
    const isOver = (record: WorkflowRecord) => record.deadlineMs !== null && record.deadlineMs <= now;
    const own = this.#own.get(tenantKey(tenant, id));
    if (own !== undefined) {
      const { n, record, baseEtag } = own;
      const base = { on: 'commit', n, etag: record === undefined ? null : etagOf(record) } as const;
      if (record === undefined) return { is: 'deleted', base };
      return isOver(record) ? { is: 'unknown' } : { is: 'there', record, base, own: { baseEtag } };
    }
    const record = this.parts.copies.get(tenant, id);
    // What a copy says of its end may have been moved since.
    if (record === undefined || isOver(record)) return { is: 'unknown' };
    const { incarnation, version } = record;
    return { is: 'there', record, base: { on: 'version', incarnation, version }, own: undefined };
  }

  #known(tenant: string, key: string, fingerprint: string): Outcome | undefined {
    const known = this.#outcomes.get(tenantKey(tenant, key));
    if (known === undefined) return undefined;
    if (known.fingerprint !== fingerprint) throw new IdempotencyMismatchError();
    return { ...known.outcome, replayed: true };
  }

  async #flushAll(): Promise<void> {
    // Requests that arrived together share the first flush.
    await Promise.resolve();
    while (this.#arrived.length > 0) {
      const batch = this.#arrived.splice(0, MOST_AT_ONCE);
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
        if (made.length > 0) await this.parts.journal.append(made);
        for (const { tenant, parts } of made) for (const part of parts) this.parts.onChange(tenant, idOf(part));
        for (const answer of answers) answer();
      } catch (error) {
        for (const back of undo.toReversed()) back();
        // Refusals too: they may rest on what is undone.
        for (const { reject } of batch) reject(error);
      }
    }
    // In the turn of the last look: whoever comes next must find nobody flushing.
    this.#flushing = undefined;
  }

  #accept(tenant: string, commit: Commit): { outcome: Outcome; entry?: DetachedEntry } {
    const { key, fingerprint } = commit.once;
    const known = this.#known(tenant, key, fingerprint);
    if (known !== undefined) return { outcome: known };
    const { options, index, clock, mostBytes } = this.parts;
    const entry = acceptCommit(commit, {
      n: this.#lastN + 1,
      tenant,
      now: clock(),
      held: (id) => this.#held(tenant, id),
      options,
      index,
      newIncarnation: () => randomBytes(9).toString('base64url'),
    });
    if (this.#bytes + sizeOf(entry) > mostBytes) throw new DetachedFullError(mostBytes);
    return { outcome: { ...entry.outcome, replayed: false }, entry };
  }

  /** Returns how to take it back. */
  #add(entry: DetachedEntry): () => void {
    const { n, tenant, parts, once, outcome } = entry;
    const before = parts.map(
      (part) => [tenantKey(tenant, idOf(part)), this.#own.get(tenantKey(tenant, idOf(part)))] as const,
    );
    const lastN = this.#lastN;
    this.#lastN = Math.max(lastN, n);
    this.#entries.set(n, entry);
    this.#bytes += sizeOf(entry);
    parts.forEach((part, i) => {
      const [key, own] = before[i] as (typeof before)[number];
      const baseEtag = own?.baseEtag ?? baseEtagOf(part.base);
      this.#own.set(key, { n, baseEtag, record: recordAfter(part) });
    });
    const outcomeKey = tenantKey(tenant, once.key);
    this.#outcomes.set(outcomeKey, { fingerprint: once.fingerprint, outcome: { ...outcome, replayed: true } });
    return () => {
      this.#entries.delete(n);
      this.#bytes -= sizeOf(entry);
      this.#lastN = lastN;
      this.#outcomes.delete(outcomeKey);
      for (const [key, own] of before) {
        // Meanwhile an earlier one may have been drained.
        if (own === undefined || !this.#entries.has(own.n)) this.#own.delete(key);
        else this.#own.set(key, own);
      }
    };
  }
}

/** What the workflow is after it; undefined when it is gone. */
function recordAfter(part: DetachedPart): WorkflowRecord | undefined {
  if (part.is === 'delete') return undefined;
  return part.is === 'put' ? { ...part.after, state: part.put.state } : part.after;
}

/** What must be drained in order: the workflows of an entry, and the queues. */
function subjectsOf({ tenant, parts, enqueue, publish, cancelTasksOf }: DetachedEntry): string[] {
  const workflows = [
    ...parts.map(idOf),
    ...cancelTasksOf,
    ...enqueue.flatMap(({ workflowId }) => (workflowId === undefined ? [] : [workflowId])),
  ];
  return [
    ...workflows.map((id) => tenantKey(tenant, `workflow ${id}`)),
    ...enqueue.map(({ queue }) => tenantKey(tenant, `queue ${queue}`)),
    ...publish.map(({ channel }) => tenantKey(tenant, `channel ${channel}`)),
  ];
}
