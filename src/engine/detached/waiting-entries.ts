import type { Commit } from '../commit.js';
import { tenantKey } from '../tenant-key.js';
import { idOf, sizeOf, type DetachedEntry } from './detached-entry.js';

/** Entries examined to find those that can be drained in parallel. */
const MAX_LOOKED_AT = 1000;
/** Pauses before a refused entry is drained again; each is twice the one before. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** Whether a call is about a tenant; used for those whose data is on one server of the store. */
export type Holds = (tenant: string) => boolean;

/** Refusal of an entry by a store that serves other entries. */
export interface Refusal {
  readonly entry: DetachedEntry;
  readonly reason: string;
  /** Time of the first refusal. */
  readonly sinceMs: number;
  readonly times: number;
  /** Time of performance.now(). */
  readonly retryAt: number;
}

/**
 * Entries that wait for the store, in the order of their acceptance.
 * An entry that the store refuses is set aside, and so are the later entries about its workflows. All others go on.
 */
export class WaitingEntries {
  readonly #all = new Map<number, DetachedEntry>();
  /** Entries that are not set aside. */
  #open = new Map<number, DetachedEntry>();
  /** Number of entries by tenant. */
  readonly #counts = new Map<string, number>();
  readonly #refusals = new Map<number, Refusal>();
  /** Workflows of the entries that are set aside. */
  readonly #blocked = new Set<string>();
  #bytes = 0;

  get size(): number {
    return this.#all.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Entries that can be drained now, or behind one another. */
  get openSize(): number {
    return this.#open.size;
  }

  get refusals(): readonly Refusal[] {
    return [...this.#refusals.values()];
  }

  get refusedSize(): number {
    return this.#refusals.size;
  }

  countOf(tenant: string): number {
    return this.#counts.get(tenant) ?? 0;
  }

  /** Whether an entry of these tenants can be drained now, or behind another one. */
  hasOpen(holds: Holds): boolean {
    const tenants = this.#tenantsIn(holds);
    if (tenants.size === 0) return false;
    for (const { tenant } of this.#open.values()) if (tenants.has(tenant)) return true;
    return false;
  }

  #tenantsIn(holds: Holds): ReadonlySet<string> {
    return new Set([...this.#counts.keys()].filter(holds));
  }

  has(n: number): boolean {
    return this.#all.has(n);
  }

  values(): Iterable<DetachedEntry> {
    return this.#all.values();
  }

  /** Adds an entry that was accepted after all others. */
  add(entry: DetachedEntry): void {
    this.#all.set(entry.n, entry);
    this.#open.set(entry.n, entry);
    this.#counts.set(entry.tenant, this.countOf(entry.tenant) + 1);
    this.#bytes += sizeOf(entry);
  }

  delete(entry: DetachedEntry): void {
    if (!this.#all.delete(entry.n)) return;
    this.#open.delete(entry.n);
    this.#refusals.delete(entry.n);
    this.#bytes -= sizeOf(entry);
    const left = this.countOf(entry.tenant) - 1;
    if (left > 0) this.#counts.set(entry.tenant, left);
    else this.#counts.delete(entry.tenant);
  }

  /**
   * Oldest entries of these tenants, up to the number `last`, that can be drained in parallel: none shares a workflow,
   * queue or channel with an earlier entry.
   */
  next(max: number, holds: Holds, last: number): DetachedEntry[] {
    const entries: DetachedEntry[] = [];
    const taken = new Set<string>();
    const tenants = this.#tenantsIn(holds);
    let looked = 0;
    for (const entry of this.#open.values()) {
      if (entry.n > last) break;
      if (!tenants.has(entry.tenant)) continue;
      if (entries.length === max || looked >= MAX_LOOKED_AT) break;
      const workflows = workflowsOf(entry);
      if (workflows.some((workflow) => this.#blocked.has(workflow))) {
        this.#putAside(entry, workflows);
        continue;
      }
      looked++;
      const subjects = [...workflows, ...channelsOf(entry)];
      if (!subjects.some((subject) => taken.has(subject))) entries.push(entry);
      for (const subject of subjects) taken.add(subject);
    }
    return entries;
  }

  /** Sets an entry aside that the store refuses. */
  refuse(entry: DetachedEntry, reason: string, nowMs: number): Refusal {
    const { sinceMs = nowMs, times = 0 } = this.#refusals.get(entry.n) ?? {};
    const retryAt = performance.now() + Math.min(FIRST_PAUSE_MS * 2 ** times, LONGEST_PAUSE_MS);
    const refusal = { entry, reason, sinceMs, times: times + 1, retryAt };
    this.#refusals.set(entry.n, refusal);
    this.#putAside(entry, workflowsOf(entry));
    return refusal;
  }

  /** Time of performance.now() at which the next refused entry is due. */
  get retryAt(): number | undefined {
    let earliest: number | undefined;
    for (const { entry, retryAt } of this.#refusals.values())
      if (!this.#open.has(entry.n) && (earliest === undefined || retryAt < earliest)) earliest = retryAt;
    return earliest;
  }

  /** Takes back the refused entries that are due, and what waits behind refused entries. */
  takeBack(now = performance.now()): void {
    if (this.#open.size === this.#all.size) return;
    this.#blocked.clear();
    const open = new Map<number, DetachedEntry>();
    for (const [n, entry] of this.#all) {
      if ((this.#refusals.get(n)?.retryAt ?? 0) <= now) open.set(n, entry);
      else for (const workflow of workflowsOf(entry)) this.#blocked.add(workflow);
    }
    this.#open = open;
  }

  #putAside(entry: DetachedEntry, workflows: readonly string[]): void {
    this.#open.delete(entry.n);
    for (const workflow of workflows) this.#blocked.add(workflow);
  }
}

/** Workflows that an entry names. */
export function workflowIdsOf({ parts, ...rest }: DetachedEntry): string[] {
  return [...parts.map(idOf), ...idsBeside(rest)];
}

/** Workflows that a commit names beside those that it writes. */
export function idsBeside({ enqueue = [], cancelTasksOf = [] }: Pick<Commit, 'enqueue' | 'cancelTasksOf'>): string[] {
  return [...cancelTasksOf, ...enqueue.flatMap(({ workflowId }) => workflowId ?? [])];
}

/** Workflows of an entry. Entries about the same one are drained in order. */
function workflowsOf(entry: DetachedEntry): string[] {
  return workflowIdsOf(entry).map((id) => tenantKey(entry.tenant, `workflow ${id}`));
}

/**
 * Queues and channels of an entry. Entries about the same one are drained in order, unless the store refuses one of
 * them: a queue is shared by many workflows.
 */
function channelsOf({ tenant, enqueue, publish }: DetachedEntry): string[] {
  return [
    ...enqueue.map(({ queue }) => tenantKey(tenant, `queue ${queue}`)),
    ...publish.map(({ channel }) => tenantKey(tenant, `channel ${channel}`)),
  ];
}
