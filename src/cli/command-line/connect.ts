import { AccessClient, WaymarkClient, type RequesterOptions } from '../../client/index.js';
import type { Terminal } from './command.js';
import { findCredential } from './credential.js';
import type { Given } from './given.js';

/** Time to retry: longer than a restart of the service, short enough for a user who waits. */
const GIVE_UP_AFTER_MS = 5000;

/** A client of the service at --url; retries are reported on stderr. */
export function connect(given: Given, terminal: Terminal, giveUpAfterMs = GIVE_UP_AFTER_MS): WaymarkClient {
  return new WaymarkClient(requesterOptions(given, terminal, giveUpAfterMs));
}

/** A client for keys and limits of the service at --url. */
export function connectAccess(given: Given, terminal: Terminal, onRetry: () => void = () => undefined): AccessClient {
  const options = requesterOptions(given, terminal);
  return new AccessClient({
    ...options,
    onRetry: (retry) => {
      onRetry();
      options.onRetry?.(retry);
    },
  });
}

/** @throws UsageError */
function requesterOptions(given: Given, { note }: Terminal, giveUpAfterMs = GIVE_UP_AFTER_MS): RequesterOptions {
  const credential = findCredential(given.env, given.url, given.use);
  // Fails before the first request when its file cannot be read.
  credential?.read();
  return {
    url: given.url,
    tenant: given.text('tenant'),
    apiKey: credential && (() => credential.read()),
    retry: { giveUpAfterMs },
    onRetry: ({ error, inMs }) => note(`${(error as Error).message}; retrying in ${Math.ceil(inMs)} ms`),
  };
}
