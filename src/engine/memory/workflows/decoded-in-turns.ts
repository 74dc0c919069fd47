import { CharacterTurns } from '../../character-turns.js';
import type { StoredText } from '../journal/text-store.js';

/**
 * Decodes texts, a few in each turn of the event loop, since a page has up to 8 MiB of them. A text stays readable when
 * it is moved or released meanwhile; see text-store.ts.
 */
export async function decodedInTurns(texts: readonly (StoredText | undefined)[]): Promise<(string | undefined)[]> {
  const turns = new CharacterTurns();
  const decoded: (string | undefined)[] = [];
  for (const text of texts) {
    await turns.spend(text?.length ?? 0);
    decoded.push(text?.toString());
  }
  return decoded;
}
