import { parseDocument, type JsonNode } from '../../../json/document.js';
import type { Entry } from './entry.js';

/** Length of all texts together; a document taken apart takes several times the room of its text. */
const MOST_TEXT = 4 * 1024 * 1024;

/** The documents of the latest edits: a workflow that is edited again and again need not be taken apart each time. */
export class HotDocuments {
  readonly #documents = new Map<Entry, JsonNode>();
  #text = 0;

  /** The document of an entry that is about to be replaced. */
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
      if (this.#text <= MOST_TEXT) break;
      this.#forget(oldest);
    }
  }

  #forget(entry: Entry): void {
    if (this.#documents.delete(entry)) this.#text -= entry.state.length;
  }
}
