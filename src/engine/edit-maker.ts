import type { Edit, EditRecipe } from './commit.js';

/** Recreates an edit from its recipe. Injected, since engines know no kinds of edits. Also the injection token. */
export abstract class EditMaker {
  /** @throws Error for a kind that this version does not know */
  abstract editOf(recipe: EditRecipe): Edit;
}
