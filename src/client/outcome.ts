import { sleep } from './sleep.js';

/** How a handler ended; `abandoned` when it took no notice of its signal. */
export type Outcome =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'abandoned' };

/** Waits for the handler; once its signal is aborted, no longer than `graceMs`. */
export async function outcomeOf(work: () => Promise<unknown>, signal: AbortSignal, graceMs: number): Promise<Outcome> {
  const settled = new AbortController();
  const worked = run(work).finally(() => settled.abort(settled));
  const abandoned = new Promise<Outcome>((resolve) => {
    const wait = () => {
      sleep(graceMs, settled.signal).then(
        () => resolve({ kind: 'abandoned' }),
        () => undefined,
      );
    };
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait, { once: true });
  });
  return Promise.race([worked, abandoned]);
}

async function run(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { kind: 'returned', value: await work() };
  } catch (error) {
    return { kind: 'threw', error };
  }
}
