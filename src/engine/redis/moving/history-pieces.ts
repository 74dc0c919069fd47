import { HISTORY_PIECE_BYTES, HISTORY_PIECE_ENTRIES } from '../../limits.js';
import type { MovedVersion } from '../../moving/moved.js';
import { versionText } from './moved-replies.js';

/** Entries of a history in parts within the limits. An entry that alone exceeds them is a part of its own. */
export function* piecesOf(history: readonly MovedVersion[]): Generator<readonly string[]> {
  let piece: string[] = [];
  let bytes = 0;
  for (const version of history) {
    const entry = versionText(version);
    const size = Buffer.byteLength(entry);
    if (piece.length > 0 && (piece.length === HISTORY_PIECE_ENTRIES || bytes + size > HISTORY_PIECE_BYTES)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(entry);
    bytes += size;
  }
  if (piece.length > 0) yield piece;
}
