import type { Edit, EditRecipe } from './commit.js';

/** Makes an edit again from its recipe. Engines know no kinds of edits, so this comes from outside. Also the injection token. */
export abstract class EditMaker {
  /** @throws Error for a kind that this version does not know */
  abstract editOf(recipe: EditRecipe): Edit;
}
