import type { Logger } from 'pino';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Ends the process at once on SIGTERM or SIGINT, as long as nothing is served: there is no request to finish. Without a
 * handler, the first process of a container would ignore the signal. Returns a function that takes the handlers away.
 */
export function endOnSignal(logger: Pick<Logger, 'info'>): () => void {
  const end = (signal: string) => {
    logger.info({ signal }, 'ending before the data is loaded');
    process.exit(0);
  };
  for (const signal of SIGNALS) process.on(signal, end);
  return () => {
    for (const signal of SIGNALS) process.off(signal, end);
  };
}
