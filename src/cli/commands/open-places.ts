import { ProblemError, UnreachableError } from '../../client/index.js';
import type { Keyring } from '../../access/seal/keyring.js';
import type { Place } from '../../migration/place.js';
import { findCredential, secretOf } from '../command-line/credential.js';
import type { Given } from '../command-line/given.js';
import { EXIT, type ExitCode, type Terminal } from '../command-line/command.js';

/** Loaded lazily: this pulls in the code of the whole service, which the other commands do not need. */
export async function places(): Promise<typeof import('../../migration/places.js')> {
  const { Logger } = await import('@nestjs/common');
  // Only errors: stdout belongs to the command.
  Logger.overrideLogger(['error', 'fatal']);
  return import('../../migration/places.js');
}

/** Token of an operator for a place that is a service: FROM_ADMIN_TOKEN for the source, TO_ADMIN_TOKEN for the target. */
export function tokenFor({ env }: Given, { kind, text }: Place, side?: 'from' | 'to'): string | undefined {
  if (kind !== 'service') return undefined;
  const own = side && secretOf(env, `${side.toUpperCase()}_ADMIN_TOKEN`);
  return (own ?? findCredential(env, text, 'operate'))?.read();
}

/** Keys that seal and open exports, from the environment. Call it inside of `withPlaces`. @throws PlaceError */
export async function keyringFor({ env }: Given): Promise<Keyring> {
  const { keyringOf } = await places();
  try {
    return keyringOf(env);
  } catch (error) {
    throw new PlaceError((error as Error).message, { cause: error });
  }
}

/** A place cannot be opened. Only the message is printed. */
class PlaceError extends Error {}

/** A place and the start of its opening. */
export type Opening<T> = readonly [Pick<Place, 'name'>, () => Promise<T>];

interface Closable {
  close(): Promise<void>;
}

/** Opens the places in order, runs, and closes all of them. Prints place and service errors without their stack. */
export async function withPlaces<T extends Closable[]>(
  { note }: Terminal,
  openings: { readonly [I in keyof T]: Opening<T[I]> },
  run: (...places: T) => Promise<ExitCode>,
): Promise<ExitCode> {
  const places: Closable[] = [];
  try {
    try {
      for (const opening of openings) places.push(await opened(opening));
      return await run(...(places as T));
    } finally {
      for (const place of places) await place.close();
    }
  } catch (error) {
    if (!(error instanceof PlaceError) && !isService(error)) throw error;
    note(`waymark: ${error.message}`);
    return EXIT.failed;
  }
}

/** @throws PlaceError @throws ProblemError @throws UnreachableError */
async function opened<T>([{ name }, open]: Opening<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof ProblemError || error instanceof UnreachableError) throw error;
    // Compared by name: the class is in code that is loaded lazily.
    if (error instanceof Error && error.name === 'UnreachableRedisError') throw new UnreachableError(error.message);
    throw new PlaceError(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function isService(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && !(error instanceof ProblemError) && typeof error.code === 'string'
  );
}
