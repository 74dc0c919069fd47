import { HISTORY_PIECE_ENTRIES } from '../../src/engine/limits.js';
import type { MovedVersion, MovedWorkflow } from '../../src/engine/moving/moved.js';

export interface HistorySize {
  readonly versions: number;
  /** Of each state, beside a few. */
  readonly bytes: number;
}

/** Line of the largest size that an import takes. */
export const LARGE: HistorySize = { versions: 31, bytes: 1024 * 1024 - 700 };
/** Long by the number of its versions alone, in two pieces. */
export const MANY: HistorySize = { versions: HISTORY_PIECE_ENTRIES + 200, bytes: 10 };

const about = { by: 'test', cause: 'put', changed: null } as const;
const stateOf = (n: number, bytes: number) => JSON.stringify(`${n} ü€😀 ${'x'.repeat(bytes)}`);

export interface LongWorkflowOptions {
  readonly ttlMs?: number | null;
  /** Number of the current version; those before it follow without a gap. */
  readonly version?: number;
}

/** A workflow `w` with a long history, as a store moves it. */
export function longWorkflow(
  atMs: number,
  { versions, bytes }: HistorySize,
  { ttlMs = null, version = versions + 1 }: LongWorkflowOptions = {},
): MovedWorkflow {
  const history = Array.from({ length: versions }, (_, i): MovedVersion => {
    const n = version - 1 - i;
    return { version: n, check: `c${n}`, updatedAtMs: atMs + n, deadlineMs: null, about, state: stateOf(n, bytes) };
  });
  return {
    kind: 'workflow',
    id: 'w',
    incarnation: 'long',
    version,
    check: `c${version}`,
    createdAtMs: atMs,
    updatedAtMs: atMs + version,
    deadlineMs: ttlMs === null ? null : atMs + ttlMs,
    ttlMs,
    about,
    state: '{"status":"open"}',
    history,
  };
}
