import { createHash } from 'node:crypto';
import type { Board } from '../board.js';
import type { FeedOptions } from '../engine.js';
import { Collection } from './workflows/collection.js';
import { Feed } from './feed/feed.js';
import { Outcomes } from './commits/outcomes.js';
import { TaskCollection } from './tasks/task-collection.js';
import { TextStore } from './journal/text-store.js';

/** Everything of one tenant. */
export interface TenantData {
  readonly workflows: Collection;
  readonly tasks: TaskCollection;
  readonly outcomes: Outcomes;
  readonly feed: Feed;
  readonly boards: Map<string, Board>;
}

/** The tenants there are; one that is asked for is there, if empty. */
export class Tenants {
  readonly texts = new TextStore();
  readonly #tenants = new Map<string, TenantData>();

  constructor(
    /** Of the feeds; kept over a restart where the events are. */
    private readonly epoch: string,
    private readonly feedOptions?: FeedOptions,
  ) {}

  get(name: string): TenantData {
    let data = this.#tenants.get(name);
    if (data === undefined) {
      data = {
        workflows: new Collection(this.texts),
        tasks: new TaskCollection(this.texts),
        outcomes: new Outcomes(),
        feed: new Feed(epochOf(this.epoch, name), this.feedOptions),
        boards: new Map(),
      };
      this.#tenants.set(name, data);
    }
    return data;
  }

  [Symbol.iterator](): IterableIterator<[string, TenantData]> {
    return this.#tenants[Symbol.iterator]();
  }
}

/** Of one tenant's feed, so that a place in it is none in another's. */
function epochOf(epoch: string, tenant: string): string {
  return createHash('sha256').update(`${epoch} ${tenant}`).digest('hex').slice(0, 8);
}
