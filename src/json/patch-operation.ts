import type { JsonNode } from './document.js';
import { InvalidPointerError, parsePointer } from './pointer.js';
import { PatchInvalidError } from './patch-errors.js';

type Tokens = readonly string[];

/** One well-formed operation of a JSON Patch. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Tokens; readonly value: JsonNode }
  | { readonly op: 'remove'; readonly path: Tokens }
  | { readonly op: 'move' | 'copy'; readonly path: Tokens; readonly from: Tokens };

/** Reads the operation at `index` of a patch. Unknown members are ignored, as RFC 6902 §4 requires. */
export function readOperation(node: JsonNode, index: number): PatchOperation {
  if (node.kind !== 'object') throw new PatchInvalidError(index, 'an operation must be an object');
  const op = textMember(node, 'op', index);
  switch (op) {
    case 'add':
    case 'replace':
    case 'test': {
      const path = pointerMember(node, 'path', index);
      const value = node.get('value');
      if (value === undefined) throw new PatchInvalidError(index, `"value" is missing`);
      return { op, path, value };
    }
    case 'remove':
      return { op, path: pointerMember(node, 'path', index) };
    case 'move':
    case 'copy':
      return { op, path: pointerMember(node, 'path', index), from: pointerMember(node, 'from', index) };
    default:
      throw new PatchInvalidError(index, `unknown "op" ${JSON.stringify(op.slice(0, 64))}`);
  }
}

function textMember(node: JsonNode, name: string, index: number): string {
  const member = node.get(name);
  if (member === undefined) throw new PatchInvalidError(index, `"${name}" is missing`);
  if (member.kind !== 'string') throw new PatchInvalidError(index, `"${name}" must be a string`);
  return member.value() as string;
}

/** More tokens than any document has levels. A path of a million would take long to read. */
const MAX_TOKENS = 1000;

function pointerMember(node: JsonNode, name: string, index: number): Tokens {
  const text = textMember(node, name, index);
  if (hasMoreSlashes(text, MAX_TOKENS)) {
    throw new PatchInvalidError(index, `"${name}" has more than ${MAX_TOKENS} tokens; no document is so deep`);
  }
  try {
    return parsePointer(text);
  } catch (error) {
    if (!(error instanceof InvalidPointerError)) throw error;
    throw new PatchInvalidError(index, `"${name}": ${error.message}`, text);
  }
}

function hasMoreSlashes(text: string, max: number): boolean {
  let count = 0;
  for (let at = text.indexOf('/'); at !== -1 && count <= max; at = text.indexOf('/', at + 1)) count++;
  return count > max;
}
