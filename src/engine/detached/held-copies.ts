import type { KnownOutcome } from '../commit.js';
import { tenantKey } from '../tenant-key.js';
import { OUTCOME_BYTES } from './detached-entry.js';
import { recordOf, versionNameOf, type WorkflowMeta, type WorkflowRecord } from '../records/workflow-meta.js';

/** Estimate of a copy's size beside its text. */
const OVERHEAD_BYTES = 500;

/** Names of earlier versions that a copy remembers: more than a failover loses of one workflow. */
export const MAX_FOLLOWED = 8;

interface Copy {
  readonly record: WorkflowRecord;
  readonly follows: readonly string[];
  /** Outcomes of the commits of this replica that made the held version and those before it, newest first. */
  readonly outcomes: readonly KnownOutcome[];
  readonly period: string;
}

/** Held copies: workflows as last seen by this replica, for an outage of the store. The least recently seen are evicted. */
export class HeldCopies {
  readonly #copies = new Map<string, Copy>();
  #bytes = 0;
  readonly #periods = new Map<string, number>();

  constructor(
    private readonly maxBytes: number,
    /** Server of the store that holds the data of a tenant now. */
    private readonly serverOf: (tenant: string) => string,
  ) {}

  get(tenant: string, id: string): WorkflowRecord | undefined {
    return this.#copies.get(tenantKey(tenant, id))?.record;
  }

  /** Names of versions before the held one, newest first, as far as this replica has seen them. */
  followedBy(tenant: string, id: string): readonly string[] {
    const held = this.#copies.get(tenantKey(tenant, id));
    return held?.period === this.#periodOf(tenant) ? held.follows : [];
  }

  /** Outcomes of the commits of this replica that made the held version and those before it, newest first. */
  outcomesOf(tenant: string, id: string): readonly KnownOutcome[] {
    return this.#copies.get(tenantKey(tenant, id))?.outcomes ?? [];
  }

  /**
   * A server was unreachable: another one may answer now in its place, which never had some versions that were seen
   * before. So they no longer count as versions before those that are seen from now on.
   */
  beginPeriod(server: string): void {
    this.#periods.set(server, (this.#periods.get(server) ?? 0) + 1);
  }

  /** Versions that were seen on another server, or before its last outage, belong to another period. */
  #periodOf(tenant: string): string {
    const server = this.serverOf(tenant);
    return `${server} ${this.#periods.get(server) ?? 0}`;
  }

  /** `made`: outcomes of the commits that made this version and those right before it, newest first, if they are known. */
  keep(tenant: string, record: WorkflowRecord, made: readonly KnownOutcome[] = []): void {
    const key = tenantKey(tenant, record.id);
    const held = this.#copies.get(key);
    // Answers may arrive out of order.
    if (held !== undefined && isLater(held.record, record)) return;
    // Keep the copy in its place in the order of eviction: with memory to spare, the order need not be exact.
    const hasRoom = this.#bytes < this.maxBytes / 2;
    if (held !== undefined && isSame(held.record, record) && hasRoom && made.length === 0) return;
    this.#drop(key, held);
    const period = this.#periodOf(tenant);
    const copy = { record: recordOf(record, record.state), ...this.#before(held, record, period, made), period };
    const bytes = bytesOf(copy);
    if (bytes > this.maxBytes) return;
    this.#copies.set(key, copy);
    this.#bytes += bytes;
    for (const [oldest, old] of this.#copies) {
      if (this.#bytes <= this.maxBytes) break;
      this.#drop(oldest, old);
    }
  }

  /** Updates the deadline of a copy after a touch. */
  touched(tenant: string, meta: WorkflowMeta): void {
    const key = tenantKey(tenant, meta.id);
    const held = this.#copies.get(key);
    if (held === undefined || !isSameVersion(held.record, meta)) return;
    this.#copies.set(key, { ...held, record: { ...held.record, deadlineMs: meta.deadlineMs } });
  }

  forget(tenant: string, id: string): void {
    const key = tenantKey(tenant, id);
    this.#drop(key, this.#copies.get(key));
  }

  forgetTenant(tenant: string): void {
    const start = tenantKey(tenant, '');
    for (const [key, held] of this.#copies) if (key.startsWith(start)) this.#drop(key, held);
  }

  #drop(key: string, held: Copy | undefined): void {
    if (held === undefined) return;
    this.#copies.delete(key);
    this.#bytes -= bytesOf(held);
  }

  /** Names of the versions before a record, and outcomes of the commits that made it and those versions. */
  #before(
    held: Copy | undefined,
    record: WorkflowRecord,
    period: string,
    made: readonly KnownOutcome[],
  ): Pick<Copy, 'follows' | 'outcomes'> {
    if (held !== undefined && isSameVersion(held.record, record)) {
      const follows = held.period === period ? held.follows : [];
      return { follows, outcomes: newestOf(made, held.outcomes) };
    }
    const isNext = held?.record.incarnation === record.incarnation && held.record.version < record.version;
    if (held?.period !== period || !isNext) return { follows: [], outcomes: made };
    const follows = [versionNameOf(held.record), ...held.follows].slice(0, MAX_FOLLOWED);
    return { follows, outcomes: newestOf(made, held.outcomes) };
  }
}

/** The outcomes of two lists, newest first: of a version and those that it follows, as many as are remembered. */
export function newestOf(newer: readonly KnownOutcome[], older: readonly KnownOutcome[]): readonly KnownOutcome[] {
  if (newer.length === 0) return older;
  const keys = new Set(newer.map(({ once }) => once.key));
  return [...newer, ...older.filter(({ once }) => !keys.has(once.key))].slice(0, MAX_FOLLOWED + 1);
}

function isLater(held: WorkflowRecord, other: WorkflowRecord): boolean {
  return held.incarnation === other.incarnation ? held.version > other.version : held.createdAtMs > other.createdAtMs;
}

function isSame(held: WorkflowRecord, other: WorkflowRecord): boolean {
  return isSameVersion(held, other) && held.deadlineMs === other.deadlineMs;
}

function isSameVersion(held: WorkflowMeta, { incarnation, version, check }: WorkflowMeta): boolean {
  return held.version === version && held.check === check && held.incarnation === incarnation;
}

function bytesOf({ record: { id, state }, outcomes }: Copy): number {
  return OVERHEAD_BYTES + id.length + state.length + OUTCOME_BYTES * outcomes.length;
}
