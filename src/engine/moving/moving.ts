import type { Arrived, ArrivalOptions } from './arrival.js';
import type { Damaged, RecordKind, Moved, MovedBoard, MovedQueue, RemovableKind } from './moved.js';

/** Stamp of a record, and the approximate bytes of a read. */
export interface Stamped {
  readonly id: string;
  readonly stamp: string;
  readonly bytes: number;
  /** Why the record cannot be read. Its stamp is DAMAGED_STAMP; its id is empty for a list, of which nothing more is known. */
  readonly damage?: string;
}

export interface Arrival extends ArrivalOptions {
  readonly record: Moved;
}

/** Ordered by id. A page shorter than its limit is not always the last. */
export interface StampPage {
  readonly items: readonly Stamped[];
  /** Id after which the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** Maximum ids of one `read`; more could return too many bytes at once. */
export const READ_AT_ONCE = 50;
export const READ_BYTES = 1024 * 1024;

/**
 * Moves records from one store to another, unchanged: incarnation and version, times, history, leases and places.
 * So tags, tokens and waiting workers stay valid. Correct means: passes test/contract.
 *
 * Common to all methods: expired records are absent; @throws StoreUnavailableError when the store cannot answer.
 * Damage of a record harms no other: lists and `read` name it.
 */
export abstract class Moving {
  /** All tenants with data, and 'default'. */
  abstract listTenants(): Promise<readonly string[]>;

  /** Time by which the store expires records. */
  abstract now(): Promise<number>;

  /** Following `next` shows every workflow that exists throughout the walk, once. */
  abstract listWorkflows(tenant: string, after: string | undefined, limit: number): Promise<StampPage>;

  /**
   * Every open or dead task that exists throughout the walk, even if its status changes meanwhile.
   * Other ended tasks: in memory all of them, in Redis those with a workflow, since Redis has no list of the rest.
   * Unordered; a task that changes meanwhile may come twice.
   */
  abstract listTasks(tenant: string): AsyncIterable<readonly Stamped[]>;

  /** All queues, in the order of their names. */
  abstract listQueues(tenant: string): Promise<readonly (MovedQueue | Damaged)[]>;

  /** All boards with content, in the order of their names. */
  abstract listBoards(tenant: string): Promise<readonly (MovedBoard | Damaged)[]>;

  /** One answer for each id, in order. At most `READ_AT_ONCE` ids. */
  abstract read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | Damaged | undefined)[]>;

  /** Stores the record unchanged, in one atomic step, or changes nothing. A repeat does nothing. */
  abstract put(tenant: string, record: Moved, options: ArrivalOptions): Promise<Arrived>;

  /** Stores several records of one tenant, each in its own step. Results are in order. */
  putAll(tenant: string, arrivals: readonly Arrival[]): Promise<Arrived[]> {
    return Promise.all(arrivals.map(({ record, ...options }) => this.put(tenant, record, options)));
  }

  /** Removes a workflow or a task with all that belongs to it, if it still has this stamp. */
  abstract remove(tenant: string, kind: RemovableKind, id: string, stamp: string): Promise<boolean>;
}

/** Groups of ids, each within the limits of one `read`. */
export function* inReads(items: Iterable<Stamped>): Generator<readonly string[]> {
  let ids: string[] = [];
  let bytes = 0;
  for (const item of items) {
    if (ids.length > 0 && (ids.length === READ_AT_ONCE || bytes + item.bytes > READ_BYTES)) {
      yield ids;
      ids = [];
      bytes = 0;
    }
    ids.push(item.id);
    bytes += item.bytes;
  }
  if (ids.length > 0) yield ids;
}
