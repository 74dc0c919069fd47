/** A value to wait for, and how to learn that it may have changed. */
export interface WaitTarget<T> {
  /** Calls the listener after any change; returns a function that removes it. */
  readonly listen: (listener: () => void) => () => void;
  readonly read: () => Promise<T>;
  readonly isEnough: (value: T) => boolean;
  /** Time at which the value changes without a write; undefined if it does not. */
  readonly changesAtMs?: (value: T) => number | undefined;
}

/** Pause before a change that is overdue: it is made by the clock of the store, which is behind the one here. */
const OVERDUE_PAUSE_MS = 1000;

/**
 * Returns the value as soon as it is enough; otherwise the value at the end of `waitMs` or at an abort. Reads only
 * after changes.
 */
export async function waitForChange<T>(
  { listen, read, isEnough, changesAtMs }: WaitTarget<T>,
  waitMs: number,
  signal: AbortSignal,
): Promise<T> {
  const until = performance.now() + waitMs;
  let changed = withResolver();
  let awaited: number | undefined;
  // Listen before reading, or a change in between would be missed.
  const stop = listen(() => changed.resolve());
  try {
    for (;;) {
      changed = withResolver();
      const value = await read();
      const left = until - performance.now();
      // A timer may fire up to a millisecond early.
      if (isEnough(value) || left < 1 || signal.aborted) return value;
      const changesAt = changesAtMs?.(value) ?? Infinity;
      const leastMs = changesAt === awaited ? OVERDUE_PAUSE_MS : 1;
      awaited = changesAt;
      const changesInMs = Math.max(leastMs, changesAt - Date.now());
      await waitAtMost(changed.promise, Math.min(left, changesInMs), signal);
    }
  } finally {
    stop();
  }
}

export function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

/** Resolves with the promise, after `ms`, or on abort; leaves no timer and no listener behind. */
export async function waitAtMost(promise: Promise<void>, ms: number, signal?: AbortSignal): Promise<void> {
  const over = withResolver();
  const timer = setTimeout(over.resolve, ms);
  signal?.addEventListener('abort', over.resolve, { once: true });
  try {
    await Promise.race([promise, over.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', over.resolve);
  }
}
