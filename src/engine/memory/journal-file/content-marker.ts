import { closeSync, existsSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';

const markerOf = (path: string) => `${path}-kept`;

/** True if there was a journal of this name, even if it is empty or missing now. */
export function hadContent(path: string): boolean {
  return existsSync(markerOf(path));
}

/** Records beside the journal that there is one, so that a start without it is no start with an empty store. */
export function markContent(path: string): void {
  if (hadContent(path)) return;
  const marker = openSync(markerOf(path), 'w', 0o600);
  try {
    writeSync(
      marker,
      `${basename(path)} has content. A service does not start here if that file is missing or empty.\n`,
    );
    fsyncSync(marker);
  } finally {
    closeSync(marker);
  }
}
