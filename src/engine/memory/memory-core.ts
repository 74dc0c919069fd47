import type { Clock } from '../clock.js';
import type { Once } from '../commit.js';
import type { FeedOptions } from '../engine.js';
import { StoreFullError, StoreUnavailableError } from '../errors.js';
import { GroupCommit } from './journal/group-commit.js';
import { newEpoch, type Journal, type JournalChange } from './journal/journal.js';
import { journalError } from './journal/journal-error.js';
import { Listeners } from './feed/listeners.js';
import { keep, type Kept } from './commits/outcomes.js';
import { Tenants, type TenantData } from './tenant-data.js';
import { Transaction, type Touched } from './commits/transaction.js';

/** Each commit adds one outcome; removing up to two that are over keeps their number bounded under any load. */
const OUTCOMES_REMOVED_AT_ONCE = 2;

/** After the disk was found full: so long only what frees some of it is tried, so that it does not go down with what cannot succeed. */
const FULL_MS = 1000;

/** An answer that was found, or one that was made and is `done` when the disk has what it rests on. */
type Answer<T> = { readonly found: T } | { readonly made: T; readonly done: Promise<void> };

/**
 * The data in memory, and the rule that goes with it: memory may be ahead of the disk by a flush. Later commits build on that,
 * but no answer of any kind is given before the disk has what it rests on.
 */
export class MemoryCore {
  readonly tenants: Tenants;
  readonly listeners = new Listeners();
  readonly #group: GroupCommit | undefined;
  #fullUntil = 0;
  /** Told of every change as it is made, whether or not it reaches the disk. */
  onTouched: ((tenant: string, kind: Touched, id: string) => void) | undefined;

  constructor(
    readonly clock: Clock,
    readonly journal: Journal | undefined,
    feedOptions?: FeedOptions,
  ) {
    this.tenants = new Tenants(journal?.epoch ?? newEpoch(), feedOptions);
    this.#group = journal && new GroupCommit(journal);
  }

  /** All commits up to this number are on the disk, or undone. */
  get settled(): number {
    return this.#group?.settled ?? 0;
  }

  /** Lets what is under way reach the disk. */
  async close(): Promise<void> {
    await this.#group?.caughtUp();
    await this.journal?.close();
  }

  /** @throws StoreUnavailableError when another service has the data by now */
  tenant(name: string): TenantData {
    if (this.journal?.isLost === true) throw new StoreUnavailableError();
    return this.tenants.get(name);
  }

  /**
   * Reads from memory and answers, or refuses, when the disk has caught up with that. If some of it was undone instead, it
   * may never have been true, so it is read again.
   */
  async read<T>(tenant: string, read: (data: TenantData) => T | Promise<T>): Promise<T> {
    return settled(await this.#onceOnDisk(async () => ({ found: await read(this.tenant(tenant)) })));
  }

  /**
   * Makes the changes of `work` in one turn, and settles when they are on the disk; rejects with everything as it was. `known` is
   * asked first: what it finds is the answer, and nothing is done.
   */
  async change<T>(
    tenant: string,
    known: (data: TenantData, now: number) => T | undefined,
    work: (transaction: Transaction) => T,
  ): Promise<T> {
    const answer = await this.#onceOnDisk((): Answer<T> => {
      const data = this.tenant(tenant);
      const now = this.clock();
      const before = known(data, now);
      if (before !== undefined) return { found: before };
      const transaction = new Transaction(tenant, data, now, this.#group?.next ?? 0, this.settled);
      try {
        const made = work(transaction);
        if (performance.now() < this.#fullUntil && !freesRoom(transaction.changes())) throw new StoreFullError();
        const { onTouched } = this;
        if (onTouched !== undefined) for (const [kind, id] of transaction.touched()) onTouched(tenant, kind, id);
        return { made, done: this.#flush(tenant, transaction) };
      } catch (error) {
        transaction.undo();
        throw error;
      }
    });
    return settled(answer);
  }

  /** Remembers what came of a commit; over a restart too if it is kept for longer than the service's own retries, or said to be. */
  keep(transaction: Transaction, once: Once, outcome: Kept['outcome'], isLasting?: boolean): void {
    const { now, data } = transaction;
    for (const key of data.outcomes.over(now, OUTCOMES_REMOVED_AT_ONCE)) transaction.setOutcome(key, undefined);
    const kept = keep(once, outcome, now, isLasting);
    transaction.setOutcome(once.key, kept);
    if (once.alias !== undefined) transaction.setOutcome(once.alias, kept);
  }

  async #flush(tenant: string, transaction: Transaction): Promise<void> {
    if (this.#group !== undefined) {
      const changes = transaction.changes();
      if (changes.length > 0) {
        await this.#group
          .submit(changes, () => transaction.undo())
          .catch((error: unknown) => {
            if (error instanceof StoreFullError) this.#fullUntil = performance.now() + FULL_MS;
            throw journalError(error);
          });
        if (freesRoom(changes)) this.#fullUntil = 0;
      }
    }
    for (const topic of transaction.topics) this.listeners.tell(tenant, topic);
  }

  async #onceOnDisk<T>(ask: () => Answer<T> | Promise<Answer<T>>): Promise<Answer<T>> {
    const group = this.#group;
    if (group === undefined) return ask();
    for (;;) {
      const { timesUndone } = group;
      let answer: () => Answer<T>;
      try {
        const result = await ask();
        // What was made has its own flush to wait for.
        if ('done' in result) return result;
        answer = () => result;
      } catch (error) {
        answer = () => {
          throw error;
        };
      }
      if (!group.isIdle) await group.caughtUp();
      if (group.timesUndone === timesUndone) return answer();
    }
  }
}

async function settled<T>(answer: Answer<T>): Promise<T> {
  if ('found' in answer) return answer.found;
  await answer.done;
  return answer.made;
}

/** Takes states or payloads away and adds none. */
function freesRoom(changes: readonly JournalChange[]): boolean {
  const large = changes.filter(({ kind }) => kind === 'version' || kind === 'text' || kind === 'progress');
  return large.length > 0 && large.every(({ value }) => value === undefined);
}
