import { tenantKey } from '../tenant-key.js';
import { recordOf, type WorkflowMeta, type WorkflowRecord } from '../records/workflow-meta.js';

/** Estimate of a copy's size beside its text. */
const OVERHEAD_BYTES = 400;

/** Held copies: workflows as last seen by this replica, for an outage of the store. The least recently seen are evicted. */
export class HeldCopies {
  readonly #copies = new Map<string, WorkflowRecord>();
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(tenant: string, id: string): WorkflowRecord | undefined {
    return this.#copies.get(tenantKey(tenant, id));
  }

  keep(tenant: string, record: WorkflowRecord): void {
    const key = tenantKey(tenant, record.id);
    const held = this.#copies.get(key);
    // Answers may arrive out of order.
    if (held !== undefined && isLater(held, record)) return;
    // Keep the copy in its place in the order of eviction: with memory to spare, the order need not be exact.
    if (held !== undefined && isSame(held, record) && this.#bytes < this.maxBytes / 2) return;
    this.#drop(key, held);
    const copy = recordOf(record, record.state);
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
  touched(tenant: string, { id, incarnation, version, deadlineMs }: WorkflowMeta): void {
    const key = tenantKey(tenant, id);
    const held = this.#copies.get(key);
    if (held?.incarnation === incarnation && held.version === version) this.#copies.set(key, { ...held, deadlineMs });
  }

  forget(tenant: string, id: string): void {
    const key = tenantKey(tenant, id);
    this.#drop(key, this.#copies.get(key));
  }

  forgetTenant(tenant: string): void {
    const start = tenantKey(tenant, '');
    for (const [key, held] of this.#copies) if (key.startsWith(start)) this.#drop(key, held);
  }

  #drop(key: string, held: WorkflowRecord | undefined): void {
    if (held === undefined) return;
    this.#copies.delete(key);
    this.#bytes -= bytesOf(held);
  }
}

function isLater(held: WorkflowRecord, other: WorkflowRecord): boolean {
  return held.incarnation === other.incarnation ? held.version > other.version : held.createdAtMs > other.createdAtMs;
}

function isSame(held: WorkflowRecord, other: WorkflowRecord): boolean {
  return (
    held.version === other.version && held.incarnation === other.incarnation && held.deadlineMs === other.deadlineMs
  );
}

function bytesOf({ id, state }: WorkflowRecord): number {
  return OVERHEAD_BYTES + id.length + state.length;
}
