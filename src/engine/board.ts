import { MAX_BOARD_ENTRIES, MAX_BOARD_NOTICES } from './limits.js';
/**
 * Small data of the service itself, per tenant: without versions or history, and never listed for users.
 * Replicas change a board without reading it, so a change only adds to a count or replaces a last value. No change is
 * lost.
 */
export interface Board {
  /** Each count starts at 0. */
  readonly counts: Readonly<Record<string, number>>;
  /** Sorted by name, without expired ones. */
  readonly notices: readonly Notice[];
  /** Newest first. */
  readonly entries: readonly string[];
}

/** A last value that expires. */
export interface Notice {
  readonly name: string;
  readonly text: string;
  readonly untilMs: number;
}

export interface BoardChange {
  readonly board: string;
  /** Whole numbers, added to the counts. */
  readonly add?: Readonly<Record<string, number>>;
  readonly notices?: readonly { readonly name: string; readonly text: string; readonly keepMs: number }[];
  /** Oldest first. */
  readonly entries?: readonly string[];
}

export const EMPTY_BOARD: Board = { counts: {}, notices: [], entries: [] };

/** The board after a change. board.lua does the same, step for step. */
export function changedBoard(board: Board, { add = {}, notices = [], entries = [] }: BoardChange, now: number): Board {
  const counts = { ...board.counts };
  for (const [name, count] of Object.entries(add)) counts[name] = (counts[name] ?? 0) + count;
  const byName = new Map(board.notices.filter(({ untilMs }) => untilMs > now).map((notice) => [notice.name, notice]));
  for (const { name, text, keepMs } of notices) byName.set(name, { name, text, untilMs: now + keepMs });
  const last = [...byName.values()].sort((a, b) => b.untilMs - a.untilMs || compare(b.name, a.name));
  return {
    counts,
    notices: last.slice(0, MAX_BOARD_NOTICES),
    entries: [...entries.toReversed(), ...board.entries].slice(0, MAX_BOARD_ENTRIES),
  };
}

/** The board as readers see it. */
export function shownBoard({ counts, notices, entries }: Board, now: number): Board {
  const live = notices.filter(({ untilMs }) => untilMs > now);
  return { counts, notices: live.sort((a, b) => compare(a.name, b.name)), entries };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
