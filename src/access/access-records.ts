import { ownOnce, type Expect, type IndexValues, type Put, type Ttl } from '../engine/commit.js';
import type { Engine, ListPosition } from '../engine/engine.js';
import { VersionConflictError } from '../engine/errors.js';
import { newIncarnation } from '../engine/new-incarnation.js';
import { etagOf, type Cause, type WorkflowMeta, type WorkflowRecord } from '../engine/records/workflow-meta.js';
import { RecordChangedError } from './access-errors.js';

/** A record of the service, with its tag for conditions of requests. */
export interface Stored<T> {
  readonly meta: WorkflowMeta;
  readonly value: T;
}

export interface NewValue<T> {
  readonly value: T;
  /** Time to live of the record; null is never. */
  readonly ttlMs: number | null;
  /** Further writes of the same step. */
  readonly beside?: readonly Put[];
}

/** Author and condition of a change, from its request. */
export interface Change {
  readonly by: string;
  readonly expect: Expect | undefined;
}

const MAX_ATTEMPTS = 10;

/** Records of one kind: workflows in hidden tenants, with their versions and history. */
export class AccessRecords<T extends object> {
  constructor(
    private readonly engine: Engine,
    /** Prefix of the ids of the workflows; the name of the record follows. */
    private readonly prefix: string,
    private readonly indexOf: (value: T) => IndexValues = () => ({}),
  ) {}

  async find(home: string, name: string): Promise<Stored<T> | undefined> {
    const found = await this.engine.find(home, this.prefix + name);
    return found && storedOf<T>(found);
  }

  /** Lists records in the order of their creation. */
  async list(home: string, limit: number, after: ListPosition | undefined) {
    const { items, next } = await this.engine.list(home, {
      filter: { idPrefix: this.prefix },
      sort: 'createdAt',
      limit,
      includeState: true,
      ...(after !== undefined && { after }),
    });
    const records = items.map((item) => ({
      name: item.id.slice(this.prefix.length),
      ...storedOf<T>(item as WorkflowRecord),
    }));
    return { records, next };
  }

  /** @throws VersionConflictError when there is one of this name */
  async create(home: string, name: string, by: string, { value, ttlMs, beside }: NewValue<T>): Promise<Stored<T>> {
    return this.#put(home, name, { by, cause: 'put', expect: { exists: false }, value, ttl: ttlMs, beside });
  }

  /**
   * Changes the current record. `change` may run more than once. It throws an error to refuse the change, and returns
   * undefined to change nothing. `whenAbsent` makes the error for a record that does not exist.
   * @throws RecordChangedError when the condition of the request does not hold
   */
  async change(
    home: string,
    name: string,
    { by, expect }: Change,
    change: (stored: Stored<T>) => NewValue<T> | undefined,
    whenAbsent: () => Error,
  ): Promise<Stored<T>> {
    for (let attempt = 1; ; attempt++) {
      const stored = await this.find(home, name);
      if (stored === undefined) throw whenAbsent();
      checkExpected(stored.meta, expect);
      const next = change(stored);
      if (next === undefined) return stored;
      const etags = [etagOf(stored.meta)];
      try {
        const { value, ttlMs: ttl, beside } = next;
        return await this.#put(home, name, { by, cause: 'patch', expect: { etags }, value, ttl, beside });
      } catch (error) {
        if (!(error instanceof VersionConflictError) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** Deletes the record. It need not exist, unless the request has a condition. @throws RecordChangedError */
  async delete(home: string, name: string, expect: Expect | undefined): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const stored = await this.find(home, name);
      if (stored === undefined) return false;
      checkExpected(stored.meta, expect);
      const deletes = [{ id: this.prefix + name, expect: { etags: [etagOf(stored.meta)] } }];
      try {
        await this.engine.commit(home, { once: ownOnce(), deletes });
        return true;
      } catch (error) {
        if (!(error instanceof VersionConflictError) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #put(
    home: string,
    name: string,
    given: { by: string; cause: Cause; expect: Expect; value: T; ttl: Ttl; beside?: readonly Put[] | undefined },
  ): Promise<Stored<T>> {
    const { by, cause, expect, value, ttl, beside = [] } = given;
    const { workflows } = await this.engine.commit(home, {
      once: ownOnce(),
      puts: [
        {
          id: this.prefix + name,
          expect,
          incarnation: newIncarnation(),
          state: JSON.stringify(value),
          index: this.indexOf(value),
          ttl,
          about: { by, cause, changed: null },
        },
        ...beside,
      ],
    });
    return { meta: workflows[0] as WorkflowMeta, value };
  }
}

function storedOf<T>(found: WorkflowRecord): Stored<T> {
  return { meta: found, value: JSON.parse(found.state) as T };
}

/** @throws RecordChangedError */
function checkExpected(meta: WorkflowMeta, expect: Expect | undefined): void {
  if (expect === undefined || !('etags' in expect) || expect.etags.includes(etagOf(meta))) return;
  throw new RecordChangedError(meta);
}
