import { ServiceError } from '../../service-error.js';
import type { Clock } from '../clock.js';
import type { Once } from '../commit.js';
import type { EngineObserver } from '../engine.js';
import { StoreFullError, StoreUnavailableError } from '../errors.js';
import type { Profiles } from '../profile.js';
import { MemoryBuckets } from './buckets.js';
import { GroupCommit } from './journal/group-commit.js';
import { newEpoch, type Journal, type JournalChange } from './journal/journal.js';
import { journalError } from './journal/journal-error.js';
import { Listeners } from './feed/listeners.js';
import { keptOutcome } from './commits/outcomes.js';
import type { Kept } from '../kept.js';
import { Tenants, type TenantData } from './tenant-data.js';
import { Transaction, type Touched } from './commits/transaction.js';

/** Each commit adds one outcome, so removing up to two expired ones bounds their number under any load. */
const OUTCOMES_REMOVED_PER_COMMIT = 2;

/** After the disk was full, writes that free no space are refused for this long without being tried. */
const DISK_FULL_PAUSE_MS = 1000;

/** An answer found in memory, or made by a change; `done` resolves when that change is on the disk. */
type Answer<T> = { readonly found: T } | { readonly made: T; readonly done: Promise<void> };

/**
 * The data in memory. Memory may be ahead of the disk by one flush: later commits build on it, but no answer leaves before the
 * disk has everything that the answer depends on.
 */
export class MemoryCore {
  readonly tenants: Tenants;
  readonly listeners = new Listeners();
  /** Not data: neither journaled nor undone. */
  readonly buckets = new MemoryBuckets();
  readonly #group: GroupCommit | undefined;
  #diskFullUntil = 0;
  #loading: Promise<void> | undefined;
  /** Called for every change as it is made, whether or not it reaches the disk. */
  onTouched: ((tenant: string, kind: Touched, id: string) => void) | undefined;

  constructor(
    readonly clock: Clock,
    readonly journal: Journal | undefined,
    private readonly profiles: Profiles,
  ) {
    this.tenants = new Tenants(journal?.epoch ?? newEpoch(), profiles);
    this.#group = journal && new GroupCommit(journal);
  }

  /** Commits up to this number are finished: flushed to the disk, or undone. */
  get lastFinished(): number {
    return this.#group?.lastFinished ?? 0;
  }

  /** Runs `load`, which fills the tenants. Meanwhile all reads and changes wait. */
  async load(load: () => Promise<void>): Promise<void> {
    this.#loading = load();
    await this.#loading;
    this.#loading = undefined;
  }

  /** Flushes pending commits first. */
  async close(): Promise<void> {
    await this.#group?.caughtUp();
    await this.journal?.close();
  }

  /** For reading. @throws StoreUnavailableError when another service has taken the directory over */
  tenant(name: string): TenantData | Promise<TenantData> {
    return this.#asOwner(() => this.tenants.peek(name));
  }

  /**
   * Reads from memory, and answers or refuses when the disk has caught up with what was read. Reads again if a flush failed
   * meanwhile, because what was read may have been undone.
   */
  async read<T>(tenant: string, read: (data: TenantData) => T | Promise<T>): Promise<T> {
    return whenDone(await this.#onceOnDisk(async () => ({ found: await read(await this.tenant(tenant)) })));
  }

  /**
   * Runs `work` as one atomic change. Resolves when the change is on the disk; a rejection leaves everything unchanged.
   * If `known` returns an answer, that answer is given and `work` does not run.
   */
  async change<T>(
    tenant: string,
    work: (transaction: Transaction) => T,
    known?: (data: TenantData, now: number) => T | undefined,
  ): Promise<T> {
    const make = (): Answer<T> => {
      const data = this.tenants.get(tenant);
      const now = this.clock();
      const before = known?.(data, now);
      if (before !== undefined) return { found: before };
      const transaction = new Transaction(tenant, data, now, {
        number: this.#group?.next ?? 0,
        lastFinished: this.lastFinished,
        index: this.profiles.of(tenant).index,
      });
      try {
        const made = work(transaction);
        if (performance.now() < this.#diskFullUntil && !freesSpace(transaction.changes())) throw new StoreFullError();
        const { onTouched } = this;
        if (onTouched !== undefined) for (const [kind, id] of transaction.touched()) onTouched(tenant, kind, id);
        return { made, done: this.#flush(tenant, transaction) };
      } catch (error) {
        transaction.undo();
        throw error;
      }
    };
    return whenDone(await this.#onceOnDisk(() => this.#asOwner(make)));
  }

  /** Keeps the outcome of a commit under its once key. See `keptOutcome` for `isLasting`. */
  keepOutcome(transaction: Transaction, once: Once, outcome: Kept, isLasting?: boolean): void {
    const { now, data } = transaction;
    for (const key of data.outcomes.byEnd.upTo(now, OUTCOMES_REMOVED_PER_COMMIT))
      transaction.setOutcome(key, undefined);
    const kept = keptOutcome(once, outcome, now, isLasting);
    transaction.setOutcome(once.key, kept);
    if (once.alias !== undefined) transaction.setOutcome(once.alias, kept);
  }

  /** Runs `ask` when it is certain that no other service has taken the journal over. @throws StoreUnavailableError */
  #asOwner<T>(ask: () => T): T | Promise<T> {
    if (this.#loading !== undefined) return this.#loading.then(() => this.#asOwner(ask));
    const run = () => {
      if (this.journal?.isLost === true) throw new StoreUnavailableError();
      return ask();
    };
    const proven = this.journal?.proven();
    return proven === undefined ? run() : proven.then(run);
  }

  async #flush(tenant: string, transaction: Transaction): Promise<void> {
    if (this.#group !== undefined) {
      const changes = transaction.changes();
      if (changes.length > 0) {
        await this.#group
          .submit(changes, () => transaction.undo())
          .catch((error: unknown) => {
            if (error instanceof StoreFullError) this.#diskFullUntil = performance.now() + DISK_FULL_PAUSE_MS;
            throw journalError(error);
          });
        if (freesSpace(changes)) this.#diskFullUntil = 0;
      }
    }
    for (const topic of transaction.topics) this.listeners.notify(tenant, topic);
  }

  async #onceOnDisk<T>(ask: () => Answer<T> | Promise<Answer<T>>): Promise<Answer<T>> {
    const group = this.#group;
    if (group === undefined) return ask();
    for (;;) {
      const { timesUndone } = group;
      let answer: () => Answer<T>;
      try {
        const result = await ask();
        // A change waits for its own flush.
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

/** Runs a command and reports its duration and result. */
export async function observed<T>(observer: EngineObserver, name: string, run: () => Promise<T>): Promise<T> {
  const started = performance.now();
  let outcome: 'ok' | 'refused' | 'failed' = 'ok';
  try {
    return await run();
  } catch (error) {
    outcome = error instanceof ServiceError && !error.code.startsWith('STORE_') ? 'refused' : 'failed';
    throw error;
  } finally {
    observer.command(name, (performance.now() - started) / 1000, outcome);
  }
}

async function whenDone<T>(answer: Answer<T>): Promise<T> {
  if ('found' in answer) return answer.found;
  await answer.done;
  return answer.made;
}

/** True when states or payloads are removed and none is added. */
function freesSpace(changes: readonly JournalChange[]): boolean {
  const large = changes.filter(({ kind }) => kind === 'version' || kind === 'text' || kind === 'progress');
  return large.length > 0 && large.every(({ value }) => value === undefined);
}
