import type { ListPosition } from './engine.js';

/** What both engines mean by a page. */

/** Bytes of states on one page; it may then be shorter than its limit. */
export const PAGE_BYTES = 8 * 1024 * 1024;

/** Up to here, ids with a prefix are collected and sorted; a larger set is walked in order and filtered. */
export const FEW_IDS = 1000;

/** Behind every id with the same score: ids end before this character. */
export const LAST_ID = '\u007f';

/** How many of what was found make a page: by count, and by bytes when the states come along; at least one. */
export function fitting(bytesOfEach: readonly number[], limit: number, includeState: boolean): number {
  const most = Math.min(bytesOfEach.length, limit);
  if (!includeState) return most;
  let bytes = 0;
  for (let count = 0; count < most; count++) {
    bytes += bytesOfEach[count] as number;
    if (count > 0 && bytes > PAGE_BYTES) return count;
  }
  return most;
}

/** Where the next page begins: `behind` the last item shown, or at the start of the rising walk; see ListPosition. */
export function nextPosition(
  behind: Pick<ListPosition, 'atMs' | 'id'> | undefined,
  walk: { readonly sinceMs: number | undefined; readonly isRising: boolean; readonly newestMs: number | undefined },
): ListPosition | undefined {
  const { sinceMs, isRising, newestMs } = walk;
  if (sinceMs === undefined) return behind;
  if (behind !== undefined) return { ...behind, sinceMs, ...(isRising && { rising: true }) };
  const isMore = !isRising && newestMs !== undefined && newestMs > sinceMs;
  return isMore ? { atMs: sinceMs, id: LAST_ID, sinceMs, rising: true } : undefined;
}
