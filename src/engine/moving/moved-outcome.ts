import type { Outcome } from '../commit.js';

/** What came of a commit or a step, under the key that makes it happen once; so that a retry after a move is still one. */
export interface MovedOutcome {
  readonly key: string;
  readonly fingerprint: string;
  readonly untilMs: number;
  /** Of a step of a task, a claim or dead tasks only a memo, as JSON: {task, eventId?}, [[id, token]…] or {ids}. */
  readonly outcome: Omit<Outcome, 'replayed'>;
}
