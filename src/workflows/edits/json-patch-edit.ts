import type { Edit } from '../../engine/commit.js';
import { parseDocument } from '../../json/document.js';
import { applyJsonPatch, PatchInvalidError, PatchTestFailedError } from '../../json/json-patch.js';
import { PatchFailedError, PatchNotApplicableError } from '../workflow-errors.js';

/** RFC 6902: all operations or none. `patchText` is valid JSON. */
export function jsonPatchEdit(patchText: string): Edit {
  const patch = parseDocument(patchText);
  return {
    cause: 'patch',
    recipe: { kind: 'json-patch', args: [patchText] },
    apply(document) {
      try {
        const { node, changed } = applyJsonPatch(document, patch);
        return { document: node, changed };
      } catch (cause) {
        if (cause instanceof PatchTestFailedError) throw new PatchFailedError(cause.index, cause.pointer, { cause });
        if (cause instanceof PatchInvalidError)
          throw new PatchNotApplicableError(cause.index, cause.message, { cause });
        throw cause;
      }
    },
  };
}
