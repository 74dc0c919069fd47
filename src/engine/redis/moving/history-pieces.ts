import type { MovedVersion } from '../../moving/moved.js';
import { versionText } from './moved-replies.js';

/**
 * Limits of the part of a history that one call of a script carries. Redis spends about 2 ms on each megabyte that a
 * script takes, and does nothing else meanwhile. A full state and a full history at the default limits fit into one call.
 */
export const PIECE_BYTES = 2 * 1024 * 1024;
export const PIECE_ENTRIES = 1000;

/** Entries of a history in parts within the limits. An entry that alone exceeds them is a part of its own. */
export function* piecesOf(history: readonly MovedVersion[]): Generator<readonly string[]> {
  let piece: string[] = [];
  let bytes = 0;
  for (const version of history) {
    const entry = versionText(version);
    const size = Buffer.byteLength(entry);
    if (piece.length > 0 && (piece.length === PIECE_ENTRIES || bytes + size > PIECE_BYTES)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(entry);
    bytes += size;
  }
  if (piece.length > 0) yield piece;
}
