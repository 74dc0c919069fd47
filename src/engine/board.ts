import { MAX_BOARD_ENTRIES, MAX_BOARD_NOTICES } from './limits.js';
/**
 * What the service itself keeps for a tenant beside workflows and tasks: small, without versions or history, and never among what users
 * list. Replicas change a board without having read it, so every change is an addition or a last value, and none is lost to another.
 */
export interface Board {
  /** They begin at 0. */
  readonly counts: Readonly<Record<string, number>>;
  /** By name; only those whose time is not over. */
  readonly notices: readonly Notice[];
  /** Newest first. */
  readonly entries: readonly string[];
}

/** The last value of something, until its time is over. */
export interface Notice {
  readonly name: string;
  readonly text: string;
  readonly untilMs: number;
}

export interface BoardChange {
  readonly board: string;
  /** To the counts; whole numbers. */
  readonly add?: Readonly<Record<string, number>>;
  readonly notices?: readonly { readonly name: string; readonly text: string; readonly keepMs: number }[];
  /** Oldest first. */
  readonly entries?: readonly string[];
}

export const EMPTY_BOARD: Board = { counts: {}, notices: [], entries: [] };

/** What becomes of a board; the same, step for step, in board.lua. */
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

/** As a reader sees it. */
export function shownBoard({ counts, notices, entries }: Board, now: number): Board {
  const live = notices.filter(({ untilMs }) => untilMs > now);
  return { counts, notices: live.sort((a, b) => compare(a.name, b.name)), entries };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
