import type { Edit } from '../../engine/commit.js';
import { fromValue, parseDocument, type JsonNode } from '../../json/document.js';
import { applyMergePatch } from '../../json/merge-patch.js';
import { SectionNotFoundError } from '../workflow-errors.js';
import { listOf, objectOf } from './shape.js';

/** Merges a JSON object into the entry of `state.sections` with this `id` or `section_id`, and sets its `updated_at`. */
export function mergeSectionEdit(sectionId: string, fieldsText: string): Edit {
  const fields = parseDocument(fieldsText);
  return {
    cause: 'section',
    recipe: { kind: 'section', args: [sectionId, fieldsText] },
    apply(document, at) {
      const state = objectOf(document, 'The state');
      const sections = listOf(state, 'sections');
      const { section, index } = sectionOf(sections, sectionId);
      const { node, changed } = applyMergePatch(section, fields);
      const merged = node.withMember('updated_at', fromValue(at.toISOString()));
      const place = `/sections/${index}`;
      return {
        document: state.withMember('sections', sections.withItem(index, merged)),
        changed: [...changed.map((pointer) => place + pointer), `${place}/updated_at`].slice(0, 20),
      };
    },
  };
}

/** @throws SectionNotFoundError */
function sectionOf(sections: JsonNode, sectionId: string): { section: JsonNode; index: number } {
  const reader = sections.itemReader();
  for (let index = 0, section = reader.next(); section !== undefined; index++, section = reader.next()) {
    if (isNamed(section, sectionId)) return { section, index };
  }
  throw new SectionNotFoundError(sectionId);
}

/** Ids in a path are text, so "7" also names the section with the number 7. */
function isNamed(section: JsonNode, sectionId: string): boolean {
  // Objects without names are not split: half a million of them fit into a megabyte.
  if (section.kind !== 'object' || section.size === 0) return false;
  return ['id', 'section_id'].some((name) => {
    const id = section.get(name);
    if (id === undefined) return false;
    return id.kind === 'string' ? id.value() === sectionId : id.kind === 'number' && id.text === sectionId;
  });
}
