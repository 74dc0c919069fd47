import { ProblemError, UnreachableError } from '../../client/index.js';
import type { OpenPlace, Place, PlaceOptions } from '../../migration/places.js';
import { EXIT, type ExitCode, type Terminal } from '../command-line/command.js';

/** Loaded lazily: this pulls in the code of the whole service, which the other commands do not need. */
export async function places(): Promise<typeof import('../../migration/places.js')> {
  const { Logger } = await import('@nestjs/common');
  // Only errors: stdout belongs to the command.
  Logger.overrideLogger(['error', 'fatal']);
  return import('../../migration/places.js');
}

/** A place cannot be opened. Only the message is printed. */
export class PlaceError extends Error {}

/** @throws PlaceError @throws ProblemError @throws UnreachableError */
export async function opened<T>(place: Pick<Place, 'name'>, open: Promise<T>): Promise<T> {
  try {
    return await open;
  } catch (error) {
    if (error instanceof ProblemError || error instanceof UnreachableError) throw error;
    // Compared by name: the class is in code that is loaded lazily.
    if (error instanceof Error && error.name === 'UnreachableRedisError') throw new UnreachableError(error.message);
    throw new PlaceError(`${place.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Opens the places in order, runs, and closes all of them. */
export async function withPlaces<T>(
  open: readonly (() => Promise<OpenPlace>)[],
  run: (...places: OpenPlace[]) => Promise<T>,
): Promise<T> {
  const places: OpenPlace[] = [];
  try {
    for (const one of open) places.push(await one());
    return await run(...places);
  } finally {
    for (const place of places) await place.close();
  }
}

/** Prints place and service errors without their stack. */
export async function withoutStack(terminal: Terminal, run: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof PlaceError) && !isService(error)) throw error;
    terminal.note(`waymark: ${(error as Error).message}`);
    return EXIT.failed;
  }
}

function isService(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && !(error instanceof ProblemError) && typeof error.code === 'string'
  );
}

export type { OpenPlace, Place, PlaceOptions };
