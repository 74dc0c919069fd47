import type { Cause, Edit } from '../../engine/commit.js';
import { scanBody } from '../../http/body.js';
import { InvalidBodyError } from '../../http/http-errors.js';
import { arrayNode, fromValue, parseDocument, type JsonNode } from '../../json/document.js';
import { itemsOf, objectOf } from './shape.js';

const NEWEST_LOGS = 100;

/** Appends to `state.logs`, of which the newest 100 are kept; an entry without a time gets one. */
export function appendLogEdit(entryText: string): Edit {
  const entry = entryOf(entryText);
  return appendEdit('log', entryText, 'logs', NEWEST_LOGS, (at) =>
    entry.get('timestamp') === undefined ? stamped(entry, 'timestamp', at) : entry,
  );
}

/** Appends to `state.exhibits`; the time of the upload is ours. */
export function appendExhibitEdit(exhibitText: string): Edit {
  const exhibit = entryOf(exhibitText);
  return appendEdit('exhibit', exhibitText, 'exhibits', Number.POSITIVE_INFINITY, (at) =>
    stamped(exhibit, 'uploaded_at', at),
  );
}

function appendEdit(
  cause: Extract<Cause, 'log' | 'exhibit'>,
  text: string,
  list: string,
  newest: number,
  entryAt: (at: Date) => JsonNode,
): Edit {
  return {
    cause,
    recipe: { kind: cause, args: [text] },
    apply(document, at) {
      const state = objectOf(document, 'The state');
      const items = [...itemsOf(state, list), entryAt(at)];
      const kept = items.length > newest ? items.slice(items.length - newest) : items;
      return { document: state.withMember(list, arrayNode(kept)), changed: [`/${list}/${kept.length - 1}`] };
    },
  };
}

function entryOf(text: string): JsonNode {
  if (scanBody(text).kind !== 'object') throw new InvalidBodyError([{ pointer: '', message: 'must be a JSON object' }]);
  return parseDocument(text);
}

function stamped(entry: JsonNode, name: string, at: Date): JsonNode {
  return entry.withMember(name, fromValue(at.toISOString()));
}
