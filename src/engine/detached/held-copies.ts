import { tenantKey } from '../tenant-key.js';
import { recordOf, versionNameOf, type WorkflowMeta, type WorkflowRecord } from '../records/workflow-meta.js';

/** Estimate of a copy's size beside its text. */
const OVERHEAD_BYTES = 500;

/** Names of earlier versions that a copy remembers: more than a failover loses of one workflow. */
export const MAX_FOLLOWED = 8;

interface Copy {
  readonly record: WorkflowRecord;
  readonly follows: readonly string[];
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

  keep(tenant: string, record: WorkflowRecord): void {
    const key = tenantKey(tenant, record.id);
    const held = this.#copies.get(key);
    // Answers may arrive out of order.
    if (held !== undefined && isLater(held.record, record)) return;
    // Keep the copy in its place in the order of eviction: with memory to spare, the order need not be exact.
    if (held !== undefined && isSame(held.record, record) && this.#bytes < this.maxBytes / 2) return;
    this.#drop(key, held);
    const copy = recordOf(record, record.state);
    const bytes = bytesOf(copy);
    if (bytes > this.maxBytes) return;
    const period = this.#periodOf(tenant);
    this.#copies.set(key, { record: copy, follows: this.#follows(held, copy, period), period });
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
    this.#bytes -= bytesOf(held.record);
  }

  #follows(held: Copy | undefined, record: WorkflowRecord, period: string): readonly string[] {
    if (held === undefined || held.period !== period) return [];
    if (isSameVersion(held.record, record)) return held.follows;
    const isNext = held.record.incarnation === record.incarnation && held.record.version < record.version;
    return isNext ? [versionNameOf(held.record), ...held.follows].slice(0, MAX_FOLLOWED) : [];
  }
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

function bytesOf({ id, state }: WorkflowRecord): number {
  return OVERHEAD_BYTES + id.length + state.length;
}
