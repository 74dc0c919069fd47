import { parseDocument } from '../json/document.js';
import type { Edit, EditResult, Patch } from './commit.js';
import { CharacterTurns } from './character-turns.js';
import { maxCommitBytes } from './commit-size.js';

/**
 * Applies the patches of a commit in advance, a few in each turn of the event loop, so that large states hold up nobody.
 * A returned patch has the result at hand, and is applied again only to another state than it found. Stops at the first
 * patch with which the commit must fail. Errors are not thrown here: the commit throws them after its other checks.
 */
export async function appliedInTurns(
  patches: readonly Patch[],
  stateOf: (id: string) => string | undefined,
  { at, maxStateBytes }: { readonly at: Date; readonly maxStateBytes: number },
): Promise<readonly Patch[]> {
  const applied = [...patches];
  const turns = new CharacterTurns();
  // A character takes at least one byte.
  let charactersLeft = maxCommitBytes(maxStateBytes);
  for (const [i, patch] of patches.entries()) {
    const state = stateOf(patch.id);
    if (state === undefined) continue;
    const result = resultOf(patch.edit, state, at);
    if (result === undefined) break;
    const { length } = result.document;
    charactersLeft -= length;
    if (length > maxStateBytes || charactersLeft < 0) break;
    // Makes the text, which the node keeps.
    void result.document.text;
    applied[i] = { ...patch, edit: withResult(patch.edit, state, result) };
    await turns.spend(state.length);
  }
  return applied;
}

/** Undefined if the edit fails: the commit meets the same error. */
function resultOf(edit: Edit, state: string, at: Date): EditResult | undefined {
  try {
    return edit.apply(parseDocument(state), at);
  } catch {
    return undefined;
  }
}

function withResult(edit: Edit, state: string, result: EditResult): Edit {
  return { ...edit, apply: (document, now) => (document.text === state ? result : edit.apply(document, now)) };
}
