import { createHash } from 'node:crypto';
import type { Board } from '../board.js';
import type { Profiles } from '../profile.js';
import { WorkflowCollection } from './workflows/workflow-collection.js';
import { MemoryFeed } from './feed/memory-feed.js';
import { Outcomes } from './commits/outcomes.js';
import { TaskCollection } from './tasks/task-collection.js';
import { TextStore } from './journal/text-store.js';

/** All data of one tenant. */
export interface TenantData {
  readonly workflows: WorkflowCollection;
  readonly tasks: TaskCollection;
  readonly outcomes: Outcomes;
  readonly feed: MemoryFeed;
  readonly boards: Map<string, Board>;
}

/** All tenants with data. */
export class Tenants {
  readonly texts = new TextStore();
  readonly #tenants = new Map<string, TenantData>();

  constructor(
    /** Epoch of the feeds; kept in the journal, like the events. */
    private readonly epoch: string,
    private readonly profiles: Profiles,
  ) {}

  /** Data of a tenant for a write; creates the tenant. */
  get(name: string): TenantData {
    const known = this.#tenants.get(name);
    if (known !== undefined) return known;
    const data = this.#empty(name);
    this.#tenants.set(name, data);
    return data;
  }

  /**
   * Data of a tenant for a read. An unknown tenant is empty and is not created, since names in requests must not fill
   * the memory.
   */
  peek(name: string): TenantData {
    return this.#tenants.get(name) ?? this.#empty(name);
  }

  /** Forgets a tenant without data. */
  forget(name: string): void {
    const data = this.#tenants.get(name);
    if (data !== undefined && isEmpty(data)) this.#tenants.delete(name);
  }

  has(name: string): boolean {
    return this.#tenants.has(name);
  }

  #empty(name: string): TenantData {
    return {
      workflows: new WorkflowCollection(this.texts),
      tasks: new TaskCollection(this.texts),
      outcomes: new Outcomes(),
      feed: new MemoryFeed(epochOf(this.epoch, name), this.profiles.of(name).feed),
      boards: new Map(),
    };
  }

  [Symbol.iterator](): IterableIterator<[string, TenantData]> {
    return this.#tenants[Symbol.iterator]();
  }
}

function isEmpty({ workflows, tasks, outcomes, feed, boards }: TenantData): boolean {
  return (
    workflows.entries.size === 0 && tasks.isEmpty && outcomes.byEnd.size === 0 && feed.isEmpty && boards.size === 0
  );
}

/** Epoch of one tenant's feed, so that an event id of one tenant is not valid in the feed of another. */
function epochOf(epoch: string, tenant: string): string {
  return createHash('sha256').update(`${epoch} ${tenant}`).digest('hex').slice(0, 8);
}
