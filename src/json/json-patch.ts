import { ChangedPointers } from './changed-pointers.js';
import type { JsonNode } from './document.js';
import { MAX_DEPTH } from './limits.js';
import type { Owner } from './member-list.js';
import { jsonEqual } from './json-equal.js';
import type { PatchResult } from './merge-patch.js';
import { PatchInvalidError, PatchTestFailedError } from './patch-errors.js';
import { readOperation, type PatchOperation } from './patch-operation.js';
import { arrayIndex, formatPointer } from './pointer.js';

export { PatchInvalidError, PatchTestFailedError } from './patch-errors.js';

export interface PatchLimits {
  readonly maxOperations?: number;
  /** Maximum characters of the document after each operation: each copy can double it. */
  readonly maxLength?: number;
  /** Maximum depth of the document after each operation. */
  readonly maxDepth?: number;
  /**
   * Maximum characters that all tests read of values that are written in another way, beyond eight times the patch: a
   * short number can equal one with a million digits.
   */
  readonly maxCompared?: number;
}

type Tokens = readonly string[];

/**
 * Applies an RFC 6902 patch completely or not at all: nodes are immutable, so a failed patch has changed nothing.
 * @throws PatchTestFailedError or PatchInvalidError
 */
export function applyJsonPatch(target: JsonNode, patch: JsonNode, limits: PatchLimits = {}): PatchResult {
  const { maxOperations = 1000, maxLength = 16 * 1024 * 1024, maxDepth = MAX_DEPTH } = limits;
  const { maxCompared = 4 * 1024 * 1024 } = limits;
  if (patch.kind !== 'array') throw new PatchInvalidError(null, 'a JSON Patch must be an array of operations');
  if (patch.size > maxOperations) throw new PatchInvalidError(null, `more than ${maxOperations} operations`);
  const changed = new ChangedPointers();
  let node = target;
  let owner: Owner = {};
  let comparable = maxCompared + 8 * patch.length;
  patch.items().forEach((item, index) => {
    const operation = readOperation(item, index);
    // Nodes that are copied are in two places from now on, so they are not changed in place.
    if (operation.op === 'copy') owner = {};
    const spend = (characters: number) => {
      comparable -= characters;
      if (comparable < 0) throw new PatchInvalidError(index, 'the tests of this patch compare too many characters');
    };
    node = new Step(node, index, { maxDepth, changed, owner, spend }).apply(operation);
    if (node.length > maxLength) {
      throw new PatchInvalidError(index, `the document would be longer than ${maxLength} characters`);
    }
  });
  return { node, changed: changed.list() };
}

interface Context {
  readonly maxDepth: number;
  readonly changed: ChangedPointers;
  readonly owner: Owner;
  readonly spend: (characters: number) => void;
}

/** Applies one operation to the result of the earlier ones. */
class Step {
  constructor(
    private readonly document: JsonNode,
    private readonly index: number,
    private readonly context: Context,
  ) {}

  apply(operation: PatchOperation): JsonNode {
    const { document } = this;
    const { path } = operation;
    switch (operation.op) {
      case 'add':
        return this.#add(document, path, operation.value);
      case 'remove':
        return this.#remove(path);
      case 'replace':
        this.#requireValue(path);
        this.#checkDepth(path, operation.value);
        return this.#edit(document, path, operation.value, (container, token) =>
          this.#withPart(container, token, operation.value),
        );
      case 'copy':
        return this.#add(document, path, this.#requireValue(operation.from));
      case 'move':
        return this.#move(operation.from, path);
      case 'test': {
        const found = this.#find(path);
        if (found !== undefined && jsonEqual(found, operation.value, this.context.spend)) return document;
        throw new PatchTestFailedError(this.index, formatPointer(path));
      }
    }
  }

  #add(document: JsonNode, path: Tokens, value: JsonNode): JsonNode {
    this.#checkDepth(path, value);
    return this.#edit(document, path, value, (container, token) => {
      if (container.kind === 'object') return container.withMember(token, value, this.context.owner);
      return container.withInserted(token === '-' ? container.size : this.#indexIn(container, token, path), value);
    });
  }

  #remove(path: Tokens): JsonNode {
    if (path.length === 0) this.#fail('the whole document cannot be removed', path);
    this.#requireValue(path);
    return this.#edit(this.document, path, undefined, (container, token) =>
      container.kind === 'object'
        ? container.withoutMember(token, this.context.owner)
        : container.withoutItem(Number(token)),
    );
  }

  #move(from: Tokens, path: Tokens): JsonNode {
    const value = this.#requireValue(from);
    if (from.every((token, i) => token === path[i])) {
      if (from.length === path.length) return this.document;
      this.#fail('a value cannot be moved into itself', path);
    }
    return this.#add(this.#remove(from), path, value);
  }

  /** Changes the container of the last token and rebuilds its ancestors; an empty path gives `whole`. */
  #edit(
    document: JsonNode,
    path: Tokens,
    whole: JsonNode | undefined,
    change: (container: JsonNode, token: string) => JsonNode,
  ): JsonNode {
    const token = path.at(-1);
    if (token === undefined) {
      this.context.changed.add(path);
      return whole ?? document;
    }
    const containers = [document];
    for (const step of path.slice(0, -1)) {
      const next = containers.at(-1)?.get(step);
      if (next === undefined) this.#fail('the parent of this path does not exist', path);
      containers.push(next);
    }
    const container = containers.pop() ?? document;
    if (container.kind !== 'object' && container.kind !== 'array') {
      this.#fail(`the parent of this path is a ${container.kind}, not an object or array`, path);
    }
    // Report an appended item by its index, not as "-".
    const index = token === '-' && container.kind === 'array' ? String(container.size) : token;
    this.context.changed.add([...path.slice(0, -1), index]);
    return containers.reduceRight(
      (node, parent, level) => this.#withPart(parent, path[level] as string, node),
      change(container, token),
    );
  }

  #requireValue(path: Tokens): JsonNode {
    return this.#find(path) ?? this.#fail('there is no value at this path', path);
  }

  /** An invalid array index fails the patch, whatever the document contains. */
  #find(path: Tokens): JsonNode | undefined {
    let node: JsonNode | undefined = this.document;
    for (const token of path) {
      if (node?.kind === 'array' && token !== '-' && arrayIndex(token) === undefined) {
        this.#fail(`${JSON.stringify(token)} is not an array index`, path);
      }
      node = node?.get(token);
    }
    return node;
  }

  #indexIn(array: JsonNode, token: string, path: Tokens): number {
    const index = arrayIndex(token);
    if (index === undefined) this.#fail(`${JSON.stringify(token)} is not an array index`, path);
    if (index > array.size) this.#fail(`index ${index} is beyond the end: the array has ${array.size} items`, path);
    return index;
  }

  /** Bounds the stack of recursive readers of the result. */
  #checkDepth(path: Tokens, value: JsonNode): void {
    const { maxDepth } = this.context;
    if (path.length + value.levels > maxDepth) {
      this.#fail(`the document would be more than ${maxDepth} levels deep`, path);
    }
  }

  #fail(message: string, path: Tokens): never {
    throw new PatchInvalidError(this.index, message, formatPointer(path));
  }

  /** `token` names an existing part. */
  #withPart(container: JsonNode, token: string, node: JsonNode): JsonNode {
    return container.kind === 'object'
      ? container.withMember(token, node, this.context.owner)
      : container.withItem(Number(token), node);
  }
}
