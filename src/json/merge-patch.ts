import { ChangedPointers } from './changed-pointers.js';
import { JsonNode, objectNode } from './document.js';
import { hasSameText } from './json-equal.js';
import { mergeTexts, textWithoutNulls } from './merge-texts.js';

/** Patches with more names are merged as texts: their results would mostly be made anew from their texts anyway. */
const MAX_NAMES_OF_NODES = 1500;

export interface PatchResult {
  readonly node: JsonNode;
  /** JSON Pointers to what was set or removed, at most 20; the empty pointer when the whole document was replaced. */
  readonly changed: string[];
}

/** RFC 7396: members of the patch replace those of the target, null removes them. Never fails. */
export function applyMergePatch(target: JsonNode, patch: JsonNode): PatchResult {
  const isLarge = patch.kind === 'object' && patch.names > MAX_NAMES_OF_NODES;
  return isLarge ? mergeLarge(target, patch) : mergeNodes(target, patch);
}

/** For a patch of few names: the parts that it does not name are not read again by a later change. */
export function mergeNodes(target: JsonNode, patch: JsonNode): PatchResult {
  const changed = new ChangedPointers();
  return { node: merge(target, patch, [], changed), changed: changed.list() };
}

/** For an object of many names: makes no node of a member. */
export function mergeLarge(target: JsonNode, patch: JsonNode): PatchResult {
  const changed = new ChangedPointers();
  if (target.kind !== 'object') {
    const node = JsonNode.ofObjectText(textWithoutNulls(patch.place(), changed));
    changed.add([]);
    return { node, changed: changed.list() };
  }
  const merged = mergeTexts(target.place(), patch.place(), changed);
  return { node: merged === undefined ? target : JsonNode.ofObjectText(merged), changed: changed.list() };
}

function merge(target: JsonNode, patch: JsonNode, place: readonly string[], changed: ChangedPointers): JsonNode {
  if (patch.kind !== 'object' || target.kind !== 'object') {
    const node = withoutNulls(patch);
    if (!hasSameText(node, target)) changed.add(place);
    return node;
  }
  const changes: [string, JsonNode | undefined][] = [];
  for (const [name, value] of patch.members()) {
    const old = target.get(name);
    if (value.kind === 'null') {
      if (old === undefined) continue;
      changed.add(place, name);
      changes.push([name, undefined]);
    } else if (old === undefined) {
      changed.add(place, name);
      changes.push([name, withoutNulls(value)]);
    } else if (value.kind === 'object') {
      changes.push([name, merge(old, value, [...place, name], changed)]);
    } else {
      if (hasSameText(value, old)) continue;
      changed.add(place, name);
      changes.push([name, value]);
    }
  }
  return changes.length === 0 ? target : target.withMembers(changes);
}

/** The result of a patch on a missing target: its members without nulls. Arrays are kept unchanged. */
function withoutNulls(patch: JsonNode): JsonNode {
  if (patch.kind !== 'object') return patch;
  const members: [string, JsonNode][] = [];
  for (const [name, value] of patch.members()) {
    if (value.kind !== 'null') members.push([name, withoutNulls(value)]);
  }
  return objectNode(members);
}
