import { describe, expect, it } from '@jest/globals';
import type { Edit } from '../../engine/commit.js';
import { parseDocument } from '../../json/document.js';
import { appendExhibitEdit, appendLogEdit } from './append-edit.js';
import { editOf } from './edit-of.js';
import { jsonPatchEdit } from './json-patch-edit.js';
import { mergePatchEdit } from './merge-patch-edit.js';
import { mergeSectionEdit } from './section-edit.js';
import { setStatusEdit } from './status-edit.js';

const STATE = '{"status":"new","sections":[{"id":"a"}],"logs":[{"n":12345678901234567890}]}';
const AT = new Date('2026-01-02T03:04:05.678Z');

describe('an edit made again from its recipe', () => {
  const edits: [string, Edit][] = [
    ['a merge patch', mergePatchEdit('{"status":null,"n":1e2}')],
    ['a JSON patch', jsonPatchEdit('[{"op":"add","path":"/x","value":[]}]')],
    ['a section', mergeSectionEdit('a', '{"title":"t"}')],
    ['a log entry', appendLogEdit('{"message":"m"}')],
    ['an exhibit', appendExhibitEdit('{"name":"n"}')],
    ['a status', setStatusEdit({ status: 'done', error_message: null, from: ['new'] })],
  ];
  it.each(edits)('does the same: %s', (_name, edit) => {
    // The form that a journal returns.
    const recipe = JSON.parse(JSON.stringify(edit.recipe)) as NonNullable<Edit['recipe']>;
    const [first, second] = [edit, editOf(recipe)].map((one) => one.apply(parseDocument(STATE), AT));
    expect(second?.document.text).toBe(first?.document.text);
    expect(second?.document.text).not.toBe(STATE);
    expect(second?.changed).toEqual(first?.changed);
    expect(editOf(recipe).cause).toBe(edit.cause);
  });

  it('is refused when its kind is not known', () => {
    expect(() => editOf({ kind: 'constructor', args: [] })).toThrow(/no edit of the kind constructor/);
  });
});
