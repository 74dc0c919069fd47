import { Logger } from '@nestjs/common';
import type { DetachedJournal } from './detached-journal.js';
import { DetachedStore, type DetachedStoreParts } from './detached-store.js';

const INTERVAL_MS = 60_000;

/** Journal that no replica uses. */
export interface LeftJournal {
  /** Name in the data directory. */
  readonly file: string;
  readonly journal?: DetachedJournal;
  /** Why the file cannot be opened. */
  readonly error?: unknown;
}

/**
 * Finds the journals of the data directory that no replica uses, one after another. The caller closes each.
 * @throws Error when `signal` aborts it
 */
export type FindLeft = (signal: AbortSignal) => AsyncIterable<LeftJournal>;

/** Writes that still wait in the journal of a replica that has ended. */
export interface LeftWrites {
  readonly file: string;
  /** 0 if the file cannot be read. */
  readonly entries: number;
  readonly because: string;
}

export interface LeftJournalsParts {
  readonly find: FindLeft;
  readonly storeParts: Omit<DetachedStoreParts, 'journal' | 'onChange'>;
  /** Drains a journal. Undefined: the store is unreachable. */
  readonly drain: () => ((store: DetachedStore) => Promise<void>) | undefined;
  readonly found: (left: readonly LeftWrites[]) => void;
  readonly intervalMs?: number;
}

/**
 * Drains the journals of replicas that ended and did not come back, at the start and then every minute.
 * The lock of a journal is held during its drain, so no two replicas drain the same one.
 */
export class LeftJournals {
  readonly #logger = new Logger('Detached');
  #left: readonly LeftWrites[] = [];
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(private readonly parts: LeftJournalsParts) {}

  /** Journals with writes that still wait, as the last search of the directory found them. */
  get left(): readonly LeftWrites[] {
    return this.#left;
  }

  start(): void {
    const { intervalMs = INTERVAL_MS } = this.parts;
    this.look();
    this.#timer = setInterval(() => this.look(), intervalMs).unref();
  }

  /** Looks into the directory, unless a look is in progress. */
  look(): void {
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#look().finally(() => (this.#running = undefined));
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('closed'));
    clearInterval(this.#timer);
    await this.#running;
  }

  async #look(): Promise<void> {
    const { signal } = this.#closing;
    const left: LeftWrites[] = [];
    try {
      for await (const found of this.parts.find(signal)) {
        const writes = await this.#drained(found);
        if (writes !== undefined) left.push(writes);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#logger.error(`the data directory could not be searched for journals: ${String(error)}`);
    }
    this.#logNew(left);
    this.#left = left;
    this.parts.found(left);
  }

  /** Drains a journal. Returns the writes that still wait in it, or undefined if there are none. */
  async #drained({ file, journal, error }: LeftJournal): Promise<LeftWrites | undefined> {
    if (journal === undefined) return { file, entries: 0, because: String(error) };
    let store: DetachedStore;
    try {
      store = new DetachedStore({ ...this.parts.storeParts, journal, onChange: () => undefined });
    } catch (unreadable) {
      await journal.close();
      return { file, entries: 0, because: String(unreadable) };
    }
    const { entries: before } = store.waiting;
    let because = 'Redis is unreachable';
    try {
      const drain = this.parts.drain();
      if (drain !== undefined) {
        await drain(store);
        await store.forget();
      }
    } catch (failure) {
      because = String(failure);
    } finally {
      await store.close();
    }
    const { entries } = store.waiting;
    if (before > entries) this.#logger.log(`${before - entries} writes of another replica were drained from ${file}`);
    if (entries === 0) return undefined;
    return { file, entries, because: store.refusals[0]?.reason ?? because };
  }

  #logNew(left: readonly LeftWrites[]): void {
    for (const { file, entries, because } of left) {
      if (this.#left.some((known) => known.file === file && known.entries === entries)) continue;
      this.#logger.warn(`${file} has ${entries} writes of a replica that has ended, and they wait: ${because}`);
    }
  }
}
