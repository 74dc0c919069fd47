import { CHARACTERS_PER_TURN } from '../engine/character-turns.js';
import { SharedTurns } from '../engine/shared-turns.js';
import { JsonScanner, scanJson, type JsonScan, type ScanOptions } from '../json/scan.js';

/** Shorter texts are scanned at once. */
const LARGE_CHARACTERS = 128 * 1024;

/** One line for all requests: scans of many bodies hold up others no longer than the scan of one. */
const line = new SharedTurns();

/** Scans a text; a large one in steps, which are divided among turns of the event loop. @throws InvalidJsonError */
export async function scanInTurns(text: string, options?: ScanOptions): Promise<JsonScan> {
  if (text.length <= LARGE_CHARACTERS) return scanJson(text, options);
  const scanner = new JsonScanner(text, options);
  for (;;) {
    await line.enter(CHARACTERS_PER_TURN);
    const scan = scanner.goOn(CHARACTERS_PER_TURN);
    if (scan !== undefined) return scan;
  }
}
