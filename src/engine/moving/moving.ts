import type { Arrived, ArrivalOptions } from './arrival.js';
import type { RecordKind, Moved, MovedQueue } from './moved.js';

/** A record by its stamp, and about how many bytes reading it brings. */
export interface Stamped {
  readonly id: string;
  readonly stamp: string;
  readonly bytes: number;
}

export interface Arrival extends ArrivalOptions {
  readonly record: Moved;
}

/** In the order of the ids. A page may be shorter than its limit and not be the last. */
export interface StampPage {
  readonly items: readonly Stamped[];
  /** Behind which id the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** The ids of a list that one `read` may ask for; more could bring too many bytes at once. */
export const READ_AT_ONCE = 50;
export const READ_BYTES = 4 * 1024 * 1024;

/**
 * Records out of one store and into another, exactly as they are: incarnation and version, times, history, leases and places in
 * the order, so that tags, tokens and waiting workers do not notice. Correct means: passes test/contract.
 *
 * Common to all methods: what has expired is absent; @throws StoreUnavailableError when the store cannot answer.
 */
export abstract class Moving {
  /** All that have data, and 'default'. */
  abstract listTenants(): Promise<readonly string[]>;

  /** The time by which the store ends things. */
  abstract now(): Promise<number>;

  /** Following `next` shows every workflow that is there throughout once. */
  abstract listWorkflows(tenant: string, after: string | undefined, limit: number): Promise<StampPage>;

  /**
   * Every open or dead task that is there throughout, however it moves meanwhile, and the ended ones that the store can still find: all
   * in memory; in Redis those that name a workflow. In no order; what moves may come twice.
   */
  abstract listTasks(tenant: string): AsyncIterable<readonly Stamped[]>;

  /** All queues, in the order of their names. */
  abstract listQueues(tenant: string): Promise<readonly MovedQueue[]>;

  /** One answer for each id, in order. At most `READ_AT_ONCE` ids. */
  abstract read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | undefined)[]>;

  /** One atomic step: the record is there as it is, or nothing has changed. Doing it again does nothing. */
  abstract put(tenant: string, record: Moved, options: ArrivalOptions): Promise<Arrived>;

  /** Several of one tenant, each a step of its own; what became of each, in order. */
  putAll(tenant: string, arrivals: readonly Arrival[]): Promise<Arrived[]> {
    return Promise.all(arrivals.map(({ record, ...options }) => this.put(tenant, record, options)));
  }

  /** Takes a workflow or a task away with all that belongs to it, if it still has this stamp. */
  abstract remove(tenant: string, kind: Exclude<RecordKind, 'queue'>, id: string, stamp: string): Promise<boolean>;
}

/** Ids in groups that one `read` may ask for. */
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
