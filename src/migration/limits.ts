const SHORTEST_LIMIT = 32 * 1024 * 1024;

/** Of a line: a state and its history, as texts within JSON, where each character may take two; or a task with all its progress. */
export function longestLine(limits: { readonly maxStateBytes: number; readonly historyMaxBytes: number }): number {
  return Math.max(SHORTEST_LIMIT, 2 * (limits.maxStateBytes + limits.historyMaxBytes) + 1024 * 1024);
}
