import { WaymarkClient } from '../../client/index.js';
import type { Terminal } from './command.js';
import type { Given } from './given.js';

/** Longer than a restart of the service takes, and short enough at a terminal. */
const GIVE_UP_AFTER_MS = 5000;

/** A client of the service at --url; retries are reported on stderr. */
export function connect(given: Given, { note }: Terminal, giveUpAfterMs = GIVE_UP_AFTER_MS): WaymarkClient {
  return new WaymarkClient({
    url: given.url,
    retry: { giveUpAfterMs },
    onRetry: ({ error, inMs }) => note(`${(error as Error).message}; retrying in ${Math.ceil(inMs)} ms`),
  });
}
