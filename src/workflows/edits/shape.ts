import { arrayNode, type JsonNode } from '../../json/document.js';
import { StateShapeError } from '../workflow-errors.js';

const NO_ITEMS = arrayNode([]);

/** The node as an object. @throws StateShapeError if it is none */
export function objectOf(node: JsonNode, place: string): JsonNode {
  if (node.kind !== 'object') throw new StateShapeError(place, 'an object');
  return node;
}

/** A list in the state; empty when it is absent or null. @throws StateShapeError */
export function listOf(state: JsonNode, name: string): JsonNode {
  const list = state.get(name);
  if (list === undefined || list.kind === 'null') return NO_ITEMS;
  if (list.kind !== 'array') throw new StateShapeError(`state.${name}`, 'a list');
  return list;
}
