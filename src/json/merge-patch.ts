import { ChangedPointers } from './changed-pointers.js';
import { objectNode, type JsonNode } from './document.js';
import { hasSameText } from './equal.js';

export interface PatchResult {
  readonly node: JsonNode;
  /** JSON Pointers to what was set or removed, the first 20 of them; the empty one when the whole document was replaced. */
  readonly changed: string[];
}

/** RFC 7396: members of the patch replace those of the target, null removes them. It always applies. */
export function applyMergePatch(target: JsonNode, patch: JsonNode): PatchResult {
  const changed = new ChangedPointers();
  return { node: merge(target, patch, [], changed), changed: changed.list() };
}

function merge(target: JsonNode, patch: JsonNode, place: readonly string[], changed: ChangedPointers): JsonNode {
  if (patch.kind !== 'object' || target.kind !== 'object') {
    const node = withoutNulls(patch);
    if (!hasSameText(node, target)) changed.add(place);
    return node;
  }
  const changes = new Map<string, JsonNode | undefined>();
  for (const [name, value] of patch.members()) {
    const old = target.get(name);
    const memberPlace = [...place, name];
    if (value.kind === 'null') {
      if (old !== undefined) changed.add(memberPlace);
      changes.set(name, undefined);
    } else if (old === undefined) {
      changed.add(memberPlace);
      changes.set(name, withoutNulls(value));
    } else {
      changes.set(name, merge(old, value, memberPlace, changed));
    }
  }
  return changes.size === 0 ? target : target.withMembers(changes);
}

/** What a patch makes of nothing: its own members, except those it would have removed. Arrays are taken as they are. */
function withoutNulls(patch: JsonNode): JsonNode {
  if (patch.kind !== 'object') return patch;
  const members: [string, JsonNode][] = [];
  for (const [name, value] of patch.members()) {
    if (value.kind !== 'null') members.push([name, withoutNulls(value)]);
  }
  return objectNode(members);
}
