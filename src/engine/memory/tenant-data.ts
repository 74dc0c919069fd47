import type { Board } from '../board.js';
import { Collection } from './collection.js';
import { Feed } from './feed.js';
import { Outcomes } from './outcomes.js';
import { TaskCollection } from './tasks/task-collection.js';
import { TextStore } from './text-store.js';

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

  get(name: string): TenantData {
    let data = this.#tenants.get(name);
    if (data === undefined) {
      data = {
        workflows: new Collection(this.texts),
        tasks: new TaskCollection(this.texts),
        outcomes: new Outcomes(),
        feed: new Feed(),
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
