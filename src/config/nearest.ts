/** The known name with the fewest edits. */
export function nearestOf(name: string, known: readonly string[]): string {
  const distances = known.map((one) => distanceOf(name, one));
  return known[distances.indexOf(Math.min(...distances))] as string;
}

/** Levenshtein: characters inserted, removed or replaced. */
export function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
