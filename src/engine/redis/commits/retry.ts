import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../errors.js';

/** Pause after a lost round, long enough for the other writers to finish. */
export function jitter(round: number): Promise<void> {
  return sleep(Math.random() * Math.min(2 ** round, 32));
}

export function tooManyWriters(): StoreUnavailableError {
  return new StoreUnavailableError({ cause: new Error('other writers changed the workflow in every round') });
}
