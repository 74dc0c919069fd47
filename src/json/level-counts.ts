/**
 * Number of the parts of a container by their depth: the entry at 2 counts those of two levels. Ends with the deepest,
 * so that the depth of the container is known after any change. Parts that are no containers are not counted.
 */
export type LevelCounts = readonly number[];

export const NO_LEVELS: LevelCounts = [];

export function countLevels(levels: Iterable<number>): LevelCounts {
  const counts: number[] = [];
  for (const one of levels) count(counts, one, 1);
  return counts;
}

/** The counts after parts of these depths were removed and added. */
export function recounted(counts: LevelCounts, removed: readonly number[], added: readonly number[]): LevelCounts {
  const isSame = removed.length === added.length && removed.every((levels, i) => levels === added[i]);
  if (isSame) return counts;
  const changed = [...counts];
  for (const levels of removed) count(changed, levels, -1);
  for (const levels of added) count(changed, levels, 1);
  while (changed.at(-1) === 0) changed.pop();
  return changed;
}

/** Depth of the container: 1 for one without other containers. */
export function levelsAbove(counts: LevelCounts): number {
  return Math.max(1, counts.length);
}

function count(counts: number[], levels: number, by: 1 | -1): void {
  if (levels === 0) return;
  while (counts.length <= levels) counts.push(0);
  (counts[levels] as number) += by;
}
