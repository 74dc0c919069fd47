import type { Board } from '../board.js';
import type { MovedBoard } from './moved.js';

/** The record of a board; undefined for a board without content. */
export function movedBoardOf(id: string, { counts, notices, entries }: Board): MovedBoard | undefined {
  const isEmpty = Object.keys(counts).length + notices.length + entries.length === 0;
  return isEmpty ? undefined : { kind: 'board', id, counts, notices, entries };
}
