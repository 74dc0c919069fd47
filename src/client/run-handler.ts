import { sleep } from './sleep.js';

/** Result of a handler; `abandoned` when it ignored its aborted signal. */
export type HandlerOutcome =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'abandoned' };

/** Runs the handler; after `signal` is aborted, waits for it at most `graceMs`. */
export async function runHandler(
  work: () => Promise<unknown>,
  signal: AbortSignal,
  graceMs: number,
): Promise<HandlerOutcome> {
  const ended = new AbortController();
  const worked = run(work).finally(() => ended.abort(ended));
  const abandoned = new Promise<HandlerOutcome>((resolve) => {
    const wait = () => {
      sleep(graceMs, ended.signal).then(
        () => resolve({ kind: 'abandoned' }),
        () => undefined,
      );
    };
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait, { once: true });
  });
  return Promise.race([worked, abandoned]);
}

async function run(work: () => Promise<unknown>): Promise<HandlerOutcome> {
  try {
    return { kind: 'returned', value: await work() };
  } catch (error) {
    return { kind: 'threw', error };
  }
}
