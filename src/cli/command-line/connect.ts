import { WaymarkClient } from '../../client/index.js';
import type { Terminal } from './command.js';
import type { Given } from './given.js';

/** Long enough for a service that is just being restarted, short enough for somebody who waits at a terminal. */
const PATIENCE_MS = 5000;

/** A client for the service that the command line names; it says on stderr when it has to try again. */
export function connect(given: Given, { note }: Terminal, giveUpAfterMs = PATIENCE_MS): WaymarkClient {
  return new WaymarkClient({
    url: given.url,
    retry: { giveUpAfterMs },
    onRetry: ({ error, inMs }) => note(`${(error as Error).message}; again in ${Math.ceil(inMs)} ms`),
  });
}
