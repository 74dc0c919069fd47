import type { ReceivedBodies } from './received-bodies.js';
import type { WaitingAnswers } from './waiting-answers.js';

/** Bytes that this replica holds for its clients, in both directions. */
export interface ClientBuffers {
  readonly bodies: ReceivedBodies;
  readonly answers: WaitingAnswers;
}
