import type { JsonNode } from '../../json/document.js';
import { StateShapeError } from '../workflow-errors.js';

/** The node as an object. @throws StateShapeError if it is none */
export function objectOf(node: JsonNode, place: string): JsonNode {
  if (node.kind !== 'object') throw new StateShapeError(place, 'an object');
  return node;
}

/** Items of a list in the state; none when the list is absent or null. @throws StateShapeError */
export function itemsOf(state: JsonNode, name: string): readonly JsonNode[] {
  const list = state.get(name);
  if (list === undefined || list.kind === 'null') return [];
  if (list.kind !== 'array') throw new StateShapeError(`state.${name}`, 'a list');
  return list.items();
}
