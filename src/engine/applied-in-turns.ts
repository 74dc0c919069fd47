import { parseDocument } from '../json/document.js';
import type { Edit, Patch } from './commit.js';
import { CharacterTurns } from './character-turns.js';

/**
 * Applies the patches of a commit in advance, a few in each turn of the event loop, so that large states hold up nobody.
 * A returned patch has the result at hand, and is applied again only to another state than it found. Errors are not
 * thrown here: the commit throws them after its other checks.
 */
export async function appliedInTurns(
  patches: readonly Patch[],
  stateOf: (id: string) => string | undefined,
  at: Date,
): Promise<readonly Patch[]> {
  const applied: Patch[] = [];
  const turns = new CharacterTurns();
  for (const patch of patches) {
    const state = stateOf(patch.id);
    applied.push(state === undefined ? patch : { ...patch, edit: withResult(patch.edit, state, at) });
    await turns.spend(state?.length ?? 0);
  }
  return applied;
}

function withResult(edit: Edit, state: string, at: Date): Edit {
  let result: ReturnType<Edit['apply']>;
  try {
    result = edit.apply(parseDocument(state), at);
  } catch {
    // The commit meets the same error.
    return edit;
  }
  // Makes the text, which the node keeps.
  void result.document.text;
  return { ...edit, apply: (document, now) => (document.text === state ? result : edit.apply(document, now)) };
}
