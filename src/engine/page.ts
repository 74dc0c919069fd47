import { PAGE_BYTES } from './limits.js';
import type { ListPosition, VersionPage, VersionQuery } from './engine.js';
import type { VersionRecord } from './records/workflow-meta.js';

/** Rules of paging for both engines. */

/** Maximum number of ids with a prefix that are collected and sorted; a larger set is walked in order and filtered. */
export const MAX_SORTED_IDS = 1000;

/** Sorts after every id with the same score: no id has this character. */
export const LAST_ID = '\uffff';

/** Number of found items that fit a page: by count, and by bytes if states are included; at least one. */
export function fitting(bytesOfEach: readonly number[], limit: number, includeState: boolean): number {
  const max = Math.min(bytesOfEach.length, limit);
  return includeState ? fittingBytes(bytesOfEach.slice(0, max), PAGE_BYTES) : max;
}

/** As `fitting`, for versions of a history. */
export function fittingVersions(found: readonly VersionRecord[], limit: number, includeState: boolean): number {
  return fitting(
    found.map(({ bytes }) => bytes),
    limit,
    includeState,
  );
}

/** Number of the first items that have at most `maxBytes` together. The first one with any bytes always fits. */
export function fittingBytes(bytesOfEach: readonly number[], maxBytes: number): number {
  let bytes = 0;
  for (let count = 0; count < bytesOfEach.length; count++) {
    const isFirst = bytes === 0;
    bytes += bytesOfEach[count] as number;
    if (!isFirst && bytes > maxBytes) return count;
  }
  return bytesOfEach.length;
}

/**
 * The page of a history. `found` has more versions than the page if there is a next one. With states, a page ends by
 * bytes too.
 */
export function pageOfVersions(
  found: readonly VersionRecord[],
  { limit, order = 'desc', includeState }: Pick<VersionQuery, 'limit' | 'order' | 'includeState'>,
): VersionPage {
  const versions = found.slice(0, fittingVersions(found, limit, includeState));
  const next = found.length > versions.length ? (versions.at(-1)?.version ?? null) : null;
  return order === 'desc'
    ? { versions, nextBefore: next, nextAfter: null }
    : { versions, nextBefore: null, nextAfter: next };
}

/**
 * Position of the next page: after `last`, the last item shown, or at the start of the rising walk; see ListPosition.
 */
export function nextPosition(
  last: Pick<ListPosition, 'atMs' | 'id'> | undefined,
  walk: { readonly sinceMs: number | undefined; readonly isRising: boolean; readonly newestMs: number | undefined },
): ListPosition | undefined {
  const { sinceMs, isRising, newestMs } = walk;
  if (sinceMs === undefined) return last;
  if (last !== undefined) return { ...last, sinceMs, ...(isRising && { rising: true }) };
  const isMore = !isRising && newestMs !== undefined && newestMs > sinceMs;
  return isMore ? { atMs: sinceMs, id: LAST_ID, sinceMs, rising: true } : undefined;
}
