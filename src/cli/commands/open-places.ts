import { ProblemError, UnreachableError } from '../../client/index.js';
import type { OpenPlace, Place, PlaceOptions } from '../../migration/places.js';
import type { Terminal } from '../command-line/command.js';
import { EXIT, type ExitCode } from '../command-line/exit-code.js';

/** The whole service's code stands behind these commands, and none of the others should wait for it to load. */
export async function places(): Promise<typeof import('../../migration/places.js')> {
  const { Logger } = await import('@nestjs/common');
  // What is worth saying on the way to Redis; stdout is for the command's own lines.
  Logger.overrideLogger(['error', 'fatal']);
  return import('../../migration/places.js');
}

/** Something about the places themselves is not as it must be; the message is all there is to say. */
export class PlaceError extends Error {}

/** @throws PlaceError @throws ProblemError @throws UnreachableError */
export async function opened<T>(place: Pick<Place, 'name'>, open: Promise<T>): Promise<T> {
  try {
    return await open;
  } catch (error) {
    if (error instanceof ProblemError || error instanceof UnreachableError) throw error;
    // By its name: the class stands behind what is loaded only when it is needed.
    if (error instanceof Error && error.name === 'UnreachableRedisError') throw new UnreachableError(error.message);
    throw new PlaceError(`${place.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Runs with both places open, and closes them whatever happens. */
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

/** Messages of these are for people; a stack would only hide them. */
export async function inWords(terminal: Terminal, run: () => Promise<ExitCode>): Promise<ExitCode> {
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
