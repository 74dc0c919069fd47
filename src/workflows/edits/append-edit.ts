import type { Edit } from '../../engine/commit.js';
import type { Cause } from '../../engine/records/workflow-meta.js';
import { arrayNode, fromValue, parseDocument, type JsonNode } from '../../json/document.js';
import { listOf, objectOf } from './shape.js';

const MAX_LOGS = 100;

/** Appends a JSON object to `state.logs`, which keeps the newest 100; sets `timestamp` when it is absent. */
export function appendLogEdit(entryText: string): Edit {
  const entry = parseDocument(entryText);
  return appendEdit('log', entryText, 'logs', MAX_LOGS, (at) =>
    entry.get('timestamp') === undefined ? stamped(entry, 'timestamp', at) : entry,
  );
}

/** Appends a JSON object to `state.exhibits` and sets its `uploaded_at`. */
export function appendExhibitEdit(exhibitText: string): Edit {
  const exhibit = parseDocument(exhibitText);
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
      const items = listOf(state, list);
      const entry = entryAt(at);
      const { size } = items;
      const kept =
        size < newest ? items.withInserted(size, entry) : arrayNode([...items.items(size + 1 - newest, size), entry]);
      return { document: state.withMember(list, kept), changed: [`/${list}/${kept.size - 1}`] };
    },
  };
}

function stamped(entry: JsonNode, name: string, at: Date): JsonNode {
  return entry.withMember(name, fromValue(at.toISOString()));
}
