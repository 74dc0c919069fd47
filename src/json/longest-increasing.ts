/**
 * Positions of a longest strictly increasing subsequence, in O(n log n). `tails[k]` is the position of the lowest possible end of a
 * subsequence of k + 1 values; `previous` links each value to the one before it in the best subsequence that ends with it.
 */
export function longestIncreasing(values: readonly number[]): number[] {
  const tails: number[] = [];
  const previous: number[] = [];
  values.forEach((value, position) => {
    let low = 0;
    let high = tails.length;
    // Fast path: most values are the greatest so far.
    if (high > 0 && (values[tails[high - 1] as number] as number) < value) low = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[tails[middle] as number] as number) < value) low = middle + 1;
      else high = middle;
    }
    previous.push(low === 0 ? -1 : (tails[low - 1] as number));
    tails[low] = position;
  });
  const positions: number[] = [];
  for (let at = tails.at(-1) ?? -1; at !== -1; at = previous[at] as number) positions.push(at);
  return positions.toReversed();
}
