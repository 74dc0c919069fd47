import type { JsonNode } from '../json/document.js';
import { MAX_DEPTH, MAX_NAMES } from '../json/limits.js';
import type { Edit, IndexValues, Patch, Put } from './commit.js';
import type { About } from './records/workflow-meta.js';
import { StateRefusedError, StateTooLargeError, type FailedPart } from './errors.js';
import type { WorkflowIndex } from './workflow-index.js';

/** @throws StateTooLargeError */
export function checkSize(state: string, limit: number, failed?: FailedPart): void {
  // Fast path: a code unit takes at most three bytes, so most states need no exact count.
  if (state.length * 3 <= limit) return;
  const bytes = Buffer.byteLength(state);
  if (bytes > limit) throw new StateTooLargeError(limit, bytes, failed);
}

/** @throws StateTooLargeError */
export function checkSizes(puts: readonly Put[], limit: number): void {
  for (let index = 0; index < puts.length; index++) {
    checkSize((puts[index] as Put).state, limit, { part: 'puts', index });
  }
}

/**
 * State and index values of an edited document. Its parts are valid, so only what their sum may exceed is checked.
 * @throws StateTooLargeError, StateRefusedError
 */
export function resultOf(
  document: JsonNode,
  index: WorkflowIndex,
  maxStateBytes: number,
): { state: string; index: IndexValues } {
  // A character takes at least one byte. The text of a far too long document is not made.
  if (document.length > 2 * maxStateBytes) throw new StateTooLargeError(maxStateBytes, null);
  const { levels, names } = document;
  if (levels > MAX_DEPTH) throw new StateRefusedError(`${levels} levels; at most ${MAX_DEPTH} are possible`);
  if (names > MAX_NAMES) throw new StateRefusedError(`${names} names of members; at most ${MAX_NAMES} are possible`);
  const state = document.text;
  checkSize(state, maxStateBytes);
  return { state, index: index.ofDocument(document) };
}

/** History entry of a patch. */
export function aboutPatch(
  { by, note, taskId, edit }: Pick<Patch, 'by' | 'note' | 'taskId'> & { readonly edit: Pick<Edit, 'cause'> },
  changed: readonly string[] | null,
): About {
  const about = { by, cause: edit.cause, changed };
  if (note === undefined && taskId === undefined) return about;
  return { ...about, ...(note !== undefined && { note }), ...(taskId !== undefined && { taskId }) };
}
