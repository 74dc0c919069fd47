import type { Edit } from '../../engine/commit.js';
import { parseDocument } from '../../json/document.js';
import { applyMergePatch } from '../../json/merge-patch.js';

/** RFC 7396: members of the patch replace those of the state, null removes them. `patchText` is valid JSON. */
export function mergePatchEdit(patchText: string): Edit {
  const patch = parseDocument(patchText);
  return {
    cause: 'patch',
    recipe: { kind: 'merge-patch', args: [patchText] },
    apply(document) {
      const { node, changed } = applyMergePatch(document, patch);
      return { document: node, changed };
    },
  };
}
