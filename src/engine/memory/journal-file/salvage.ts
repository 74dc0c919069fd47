import type { Key } from 'lmdb';
import { checkTransaction } from './check-journal-file.js';
import { Damage } from './damaged-journal.error.js';
import { FREE, JournalWalk, type JournalLayout, type WalkedRow } from './journal-walk.js';
import { PageFile, type Meta } from './page-file.js';
import { isSealed, keyOf, unsealed } from './seal.js';

const PAGE_SIZES = [4096, 16384, 8192, 65536, 32768];
const MAX_NAMED = 100;

/** A row with the right checksum; in the format without checksums, any row. */
export interface SavedRow {
  readonly database: string;
  readonly key: Key;
  /** Without its seal. */
  readonly value: Buffer;
  readonly isSealed: boolean;
  /** Found on a page to which no other page leads any more. A row with the same key wins if it has a place. */
  readonly isLost: boolean;
  readonly transaction: number;
}

export interface Salvaged {
  /** Places that are damaged, the first hundred. */
  readonly damages: readonly string[];
  readonly damageCount: number;
  /** Rows that each database should have. A database whose own record is damaged is missing. */
  readonly expected: ReadonlyMap<string, number>;
  /** The journal was read as it was before its last transaction. */
  readonly isBeforeLast: boolean;
}

/** Reads what is whole in a journal file, without lmdb, and never writes to it. @throws Damage if there is no root page */
export function salvage(path: string, layout: JournalLayout, save: (row: SavedRow) => void): Salvaged {
  const file = new PageFile(path);
  const damages: string[] = [];
  let damageCount = 0;
  let isFreeKnown = true;
  const damaged = (damage: Damage, database?: string) => {
    damageCount++;
    if (damages.length < MAX_NAMED) damages.push(damage.message);
    if (database === FREE) isFreeKnown = false;
  };
  let isLost = false;
  const row = ({ database, key, value, transaction }: WalkedRow) =>
    save({
      database,
      key: keyOf(key),
      value: isSealed(value) ? unsealed(value) : value,
      isSealed: isSealed(value),
      isLost,
      transaction,
    });
  try {
    const { meta, isBeforeLast } = bestRoot(file, damaged);
    const walk = new JournalWalk(file, meta, layout, { damage: damaged, row });
    walk.run();
    if (damageCount > 0 && isFreeKnown) {
      isLost = true;
      for (let page = 2; page < file.pages && page <= meta.lastPage; page++) {
        if (!walk.isMarked(page)) readLost(walk, page);
      }
    }
    return { damages, damageCount, expected: walk.expected, isBeforeLast };
  } finally {
    file.close();
  }
}

function readLost(walk: JournalWalk, page: number): void {
  try {
    walk.readLost(page);
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
  }
}

interface Root {
  readonly meta: Meta;
  readonly isBeforeLast: boolean;
}

/** The newest root page that is whole: the state of the last transaction, or of the one before. */
function bestRoot(file: PageFile, damaged: (damage: Damage) => void): Root {
  const found: { readonly meta: Meta; readonly isWhole: boolean }[] = [];
  let failure: Damage | undefined;
  for (const page of [0, 1] as const) {
    try {
      const meta = page === 0 || found.length > 0 ? file.meta(page) : secondAlone(file);
      found.push({ meta, isWhole: isWhole(file, meta, damaged) });
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      damaged((failure = error));
    }
  }
  const newest = found.toSorted((a, b) => b.meta.transaction - a.meta.transaction);
  const best = newest.find((one) => one.isWhole) ?? newest[0];
  if (best === undefined) throw failure ?? new Damage('the file', 'it has no root page');
  return { meta: best.meta, isBeforeLast: best !== newest[0] || found.length < 2 };
}

function isWhole(file: PageFile, meta: Meta, damaged: (damage: Damage) => void): boolean {
  try {
    checkTransaction(file, meta);
    return true;
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    damaged(error);
    return false;
  }
}

/** The second root page, if the first one cannot say where it is. */
function secondAlone(file: PageFile): Meta {
  for (const size of PAGE_SIZES) {
    file.pageBytes = size;
    try {
      return file.meta(1);
    } catch (error) {
      if (!(error instanceof Damage) || size === PAGE_SIZES.at(-1)) throw error;
    }
  }
  throw new Damage('page 1, a root page', 'it is damaged');
}
