import type { JsonNode } from './document.js';
import { canonicalNumber } from './canonical-number.js';

type Spend = (characters: number) => void;

/**
 * Whether two JSON values are equal (RFC 6902 §4.6): the order of members and the spelling of strings and numbers do not matter.
 * Numbers are compared exactly. `spend` is told the characters that are read where the texts differ.
 */
export function jsonEqual(a: JsonNode, b: JsonNode, spend?: Spend): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  if (hasSameText(a, b)) return true;
  switch (a.kind) {
    case 'object':
      return a.size === b.size && hasEqualMembers(a, b, spend);
    case 'array':
      return a.size === b.size && hasEqualItems(a, b, spend);
    case 'string':
      return hasSameString(a, b, spend);
    case 'number':
      spend?.(a.length + b.length);
      return canonicalNumber(a.text) === canonicalNumber(b.text);
    default:
      return false;
  }
}

/** Compares lengths first: they are known, while the text of a changed document must be built. */
export function hasSameText(a: JsonNode, b: JsonNode): boolean {
  return a.length === b.length && a.text === b.text;
}

/** An escape has at most six characters for one, so strings of very different lengths differ. */
function hasSameString(a: JsonNode, b: JsonNode, spend: Spend | undefined): boolean {
  if (Math.max(a.length, b.length) > 6 * Math.min(a.length, b.length)) return false;
  spend?.(a.length + b.length);
  return a.value() === b.value();
}

function hasEqualMembers(a: JsonNode, b: JsonNode, spend: Spend | undefined): boolean {
  for (const [name, node] of a.members()) {
    const other = b.get(name);
    if (other === undefined || !jsonEqual(node, other, spend)) return false;
  }
  return true;
}

function hasEqualItems(a: JsonNode, b: JsonNode, spend: Spend | undefined): boolean {
  const items = a.itemReader();
  const others = b.itemReader();
  for (let item = items.next(); item !== undefined; item = items.next()) {
    if (!jsonEqual(item, others.next() as JsonNode, spend)) return false;
  }
  return true;
}
