import { basename, dirname } from 'node:path';

/** A place of a journal file that cannot be right, and why. */
export class Damage extends Error {
  constructor(
    readonly place: string,
    readonly why: string,
  ) {
    super(`${place}: ${why}`);
  }
}

/** A journal that must not be served. The message names file, place and remedy. */
export class DamagedJournalError extends Error {
  constructor(path: string, { place, why }: Pick<Damage, 'place' | 'why'>, remedy: string, options?: ErrorOptions) {
    super(
      `${path} is damaged or not a journal of this service (${place}: ${why}). ${remedyFor(path, remedy)}`,
      options,
    );
    this.name = 'DamagedJournalError';
  }
}

/** `<directory>` and `<file>` in the text stand for those of the journal. */
function remedyFor(path: string, remedy: string): string {
  return remedy.replaceAll('<directory>', dirname(path)).replaceAll('<file>', basename(path));
}
