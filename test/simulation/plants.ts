/** A change to one line of the product that brings a bug back. */
export interface Change {
  /** From the root of the project. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Bugs that were found once, by their names in docs/testing.md. */
export const PLANTS: Readonly<Record<string, readonly Change[]>> = {
  // A version with a lower number than the base of a drained write counts as one that the base follows.
  C1: [
    {
      file: 'src/engine/detached/drain.ts',
      from: 'if (base.follows?.includes(versionNameOf(current)) === true)',
      to: 'if (current.version < base.version)',
    },
  ],
  // A drained write that is over is dropped, whatever the store has.
  C3: [
    {
      file: 'src/engine/detached/drain.ts',
      from: 'return found.every((record) => record === undefined);',
      to: 'return found.length > 0;',
    },
  ],
  // The outcome of a write is kept for 30 s, whatever the timeouts.
  C5: [
    {
      file: 'src/engine/redis/retry-window.ts',
      from: 'return Math.max(MIN_RETRY_WINDOW_MS, longestRetryMs(config));',
      to: 'return MIN_RETRY_WINDOW_MS;',
    },
    {
      file: 'src/engine/redis/retry-window.ts',
      from: 'if (windowMs >= needed) return;',
      to: 'if (windowMs <= needed) return;',
    },
  ],
  // A claim that was not delivered is released, also after its repeat.
  C11: [
    {
      file: 'src/engine/redis/scripts/tasks/step.lua',
      from: 'step.redeliveries ~= task.redeliveries',
      to: 'step.redeliveries == -1',
    },
    {
      file: 'src/engine/memory/tasks/task-work.ts',
      from: 'step.redeliveries !== undefined && step.redeliveries !== entry.redeliveries',
      to: 'step.redeliveries === -1',
    },
  ],
  // An entry is drained while it is being written to the journal.
  'early-drain': [
    {
      file: 'src/engine/detached/waiting-entries.ts',
      from: 'if (entry.n > last) break;',
      to: 'if (max === 0) break;',
    },
  ],
};

/** @throws Error for a plant that does not exist */
export function changesOf(name: string | undefined): readonly Change[] {
  if (name === undefined) return [];
  const changes = PLANTS[name];
  if (changes === undefined) throw new Error(`there is no plant ${name}; there are ${Object.keys(PLANTS).join(', ')}`);
  return changes;
}
