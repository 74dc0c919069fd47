import type { Edit } from '../../src/engine/commit.js';
import { arrayNode, fromValue, parseDocument } from '../../src/json/document.js';
import { applyJsonPatch } from '../../src/json/json-patch.js';
import { applyMergePatch } from '../../src/json/merge-patch.js';

/** RFC 7396. */
export function merge(patch: unknown): Edit {
  return {
    cause: 'patch',
    apply(document) {
      const { node, changed } = applyMergePatch(document, fromValue(patch));
      return { document: node, changed };
    },
  };
}

/** RFC 6902. */
export function jsonPatch(operations: readonly unknown[]): Edit {
  return {
    cause: 'patch',
    apply(document) {
      const { node, changed } = applyJsonPatch(document, fromValue(operations));
      return { document: node, changed };
    },
  };
}

/** Appends an item to a list in the state; creates the list when there is none. */
export function append(list: string, item: unknown): Edit {
  return {
    cause: 'log',
    apply(document) {
      const items = [...(document.get(list)?.items() ?? []), fromValue(item)];
      const kept = arrayNode(items);
      return { document: document.withMember(list, kept), changed: [`/${list}/${items.length - 1}`] };
    },
  };
}

/** Adds one to `state.count`. */
export const increment: Edit = {
  cause: 'patch',
  apply(document) {
    const count = Number(document.get('count')?.text ?? 0) + 1;
    return { document: document.withMember('count', fromValue(count)), changed: ['/count'] };
  },
};

/** Stores the time that the engine passes to edits. */
export const stamp: Edit = {
  cause: 'patch',
  apply(document, at) {
    return { document: document.withMember('at', fromValue(at.toISOString())), changed: null };
  },
};

/** Replaces the state by this one. */
export function replaceBy(text: string): Edit {
  return { cause: 'patch', apply: () => ({ document: parseDocument(text), changed: [''] }) };
}

export class EditFailedError extends Error {
  constructor(message = 'This edit always fails') {
    super(message);
    this.name = 'EditFailedError';
  }
}

export function failing(error: Error = new EditFailedError()): Edit {
  return {
    cause: 'patch',
    apply() {
      throw error;
    },
  };
}
