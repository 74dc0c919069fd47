import { describe, expect, it } from '@jest/globals';
import { parseDocument } from '../../../json/document.js';
import type { Entry } from './entry.js';
import { HotDocuments } from './hot-documents.js';
import { TextStore } from '../journal/text-store.js';

const texts = new TextStore();
const entryOf = (state: string) => ({ state: texts.add(state) }) as Partial<Entry> as Entry;

describe('HotDocuments', () => {
  it('gives a cached document once, and parses the state otherwise', () => {
    const documents = new HotDocuments();
    const entry = entryOf('{"a":1}');
    const document = parseDocument(entry.state.toString());
    documents.keep(entry, document);
    expect(documents.take(entry)).toBe(document);
    const again = documents.take(entry);
    expect(again).not.toBe(document);
    expect(again.text).toBe('{"a":1}');
  });

  it('removes the oldest documents when the texts become too long', () => {
    const documents = new HotDocuments();
    const entries = Array.from({ length: 6 }, (_, i) => entryOf(JSON.stringify(`${i}`.repeat(1024 * 1024))));
    const kept = entries.map((entry) => parseDocument(entry.state.toString()));
    entries.forEach((entry, i) => documents.keep(entry, kept[i] as (typeof kept)[number]));
    expect(entries.map((entry, i) => documents.take(entry) === kept[i])).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
    ]);
  });
});
