import { describePlace, InvalidPlaceError, newFileOf, placeOf, type Place } from '../../migration/place.js';
import type { Terminal } from './command.js';
import { type Given, UsageError } from './given.js';

export const ANYWHERE = ['redis', 'service', 'directory', 'file'] as const;

/** The place that an option names. @throws UsageError */
export function placeGiven(
  given: Given,
  option: string,
  kinds: readonly Place['kind'][],
  text = given.textRequired(option),
): Place {
  const place = asUsage(option, () => placeOf(text));
  if (kinds.includes(place.kind)) return place;
  throw new UsageError(`--${option} ${place.name}: must not be a ${place.kind} here`);
}

/** The file that an option names, to be written. @throws UsageError */
export function newFileGiven(given: Given, option: string): Place {
  return asUsage(option, () => newFileOf(given.textRequired(option)));
}

/** @throws UsageError in place of InvalidPlaceError */
export function asUsage<T>(option: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof InvalidPlaceError)) throw error;
    throw new UsageError(`--${option} ${error.message}`, { cause: error });
  }
}

/** Prints which place a command works on, before it begins. */
export function announce({ note }: Terminal, role: string, place: Place, given: Given, option = 'namespace'): void {
  note(`${role} ${describePlace(place, namespaceOf(given, option))}`);
}

export function namespaceOf(given: Given, option: string): string {
  return given.text(option) ?? given.env['REDIS_NAMESPACE'] ?? '';
}
