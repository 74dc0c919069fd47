import { parseDocument, type JsonNode } from '../../../json/document.js';
import type { Entry } from './entry.js';

/** Total length of the texts; a parsed document takes several times the memory of its text. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;

/** Cache of the documents of recent edits, so that a workflow under many edits is not parsed for each. */
export class HotDocuments {
  readonly #documents = new Map<Entry, JsonNode>();
  #text = 0;

  /** Returns the document of an entry that is about to be replaced, and removes it from the cache. */
  take(entry: Entry): JsonNode {
    const known = this.#documents.get(entry);
    if (known === undefined) return parseDocument(entry.state.toString());
    this.#forget(entry);
    return known;
  }

  keep(entry: Entry, document: JsonNode): void {
    this.#documents.set(entry, document);
    this.#text += entry.state.length;
    for (const oldest of this.#documents.keys()) {
      if (this.#text <= MAX_TEXT_BYTES) break;
      this.#forget(oldest);
    }
  }

  #forget(entry: Entry): void {
    if (this.#documents.delete(entry)) this.#text -= entry.state.length;
  }
}
