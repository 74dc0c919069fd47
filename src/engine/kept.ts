import type { Outcome } from './commit.js';
import type { TaskRecord } from './task.js';

/** Value of a once key: the outcome of a commit, of a claim, of a step of a task, or of a call for dead tasks. */
export type Kept =
  | ({ readonly is: 'commit' } & Omit<Outcome, 'replayed'>)
  | { readonly is: 'claim'; readonly lent: readonly Lent[] }
  | { readonly is: 'step'; readonly task: TaskRecord; readonly eventId?: string }
  | { readonly is: 'dead'; readonly ids: readonly string[] };

/** Token that a claim issued for a task. */
export type Lent = readonly [id: string, token: string];

/** Outcome that moves with the records, so that a retry after the move is recognised. */
export interface MovedOutcome {
  readonly key: string;
  readonly fingerprint: string;
  readonly untilMs: number;
  readonly outcome: Kept;
}
