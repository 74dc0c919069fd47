/** What is waited for, and how one hears that it may be there. */
export interface Awaited<T> {
  /** Calls the listener after any change; returns how to stop. */
  readonly listen: (listener: () => void) => () => void;
  readonly read: () => Promise<T>;
  readonly isEnough: (value: T) => boolean;
  /** When it changes by itself, whether or not anybody says so; undefined when it does not. */
  readonly changesAtMs?: (value: T) => number | undefined;
}

/** What is read as soon as it is enough, or as it is when the time is over or `signal` says so. Costs nothing while nothing changes. */
export async function waitForChange<T>(
  { listen, read, isEnough, changesAtMs }: Awaited<T>,
  waitMs: number,
  signal: AbortSignal,
): Promise<T> {
  const until = performance.now() + waitMs;
  let changed = withResolver();
  // Listen first, then read: a change between the two is then a hint that is already there.
  const stop = listen(() => changed.resolve());
  try {
    for (;;) {
      changed = withResolver();
      const value = await read();
      const left = until - performance.now();
      if (isEnough(value) || left <= 0 || signal.aborted) return value;
      const changesInMs = Math.max(1, (changesAtMs?.(value) ?? Infinity) - Date.now());
      await firstOf(changed.promise, Math.min(left, changesInMs), signal);
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

/** Settles with the promise, the time, or the signal, and leaves no timer and no listener behind. */
export async function firstOf(promise: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const over = withResolver();
  const timer = setTimeout(over.resolve, ms);
  signal.addEventListener('abort', over.resolve, { once: true });
  try {
    await Promise.race([promise, over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', over.resolve);
  }
}
