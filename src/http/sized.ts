import { StateTooLargeError } from '../engine/errors.js';

/** @throws StateTooLargeError */
export function sized(text: string, maxBytes: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw new StateTooLargeError(maxBytes, bytes);
  return text;
}
