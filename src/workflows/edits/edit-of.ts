import type { Edit, EditRecipe } from '../../engine/commit.js';
import { appendExhibitEdit, appendLogEdit } from './append-edit.js';
import { jsonPatchEdit } from './json-patch-edit.js';
import { mergePatchEdit } from './merge-patch-edit.js';
import { mergeSectionEdit } from './section-edit.js';
import { setStatusEdit, type StatusChange } from './status-edit.js';

const MAKERS: Readonly<Record<string, (first: string, second: string) => Edit>> = {
  'merge-patch': mergePatchEdit,
  'json-patch': jsonPatchEdit,
  section: mergeSectionEdit,
  log: appendLogEdit,
  exhibit: appendExhibitEdit,
  status: (change) => setStatusEdit(JSON.parse(change) as StatusChange),
};

/** Edit from its recipe. @throws Error for a kind that this version does not know */
export function editOf({ kind, args: [first = '', second = ''] }: EditRecipe): Edit {
  const make = Object.hasOwn(MAKERS, kind) ? MAKERS[kind] : undefined;
  if (make === undefined) throw new Error(`There is no edit of the kind ${kind}`);
  return make(first, second);
}
