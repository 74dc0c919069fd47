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
};

/** @throws Error for a plant that does not exist */
export function changesOf(name: string | undefined): readonly Change[] {
  if (name === undefined) return [];
  const changes = PLANTS[name];
  if (changes === undefined) throw new Error(`there is no plant ${name}; there are ${Object.keys(PLANTS).join(', ')}`);
  return changes;
}
