import { kindOf, type JsonKind } from './characters.js';
import { PersistentList } from './persistent-list.js';
import { PersistentMap } from './persistent-map.js';
import { arrayIndex } from './pointer.js';
import { levelsOf, visitItems, visitMembers } from './visit-parts.js';
import { unescape } from './string-token.js';

/** Members of an object. `spellings` has the original text of names that were written with escapes. */
interface Members {
  readonly byName: PersistentMap<JsonNode>;
  readonly spellings: ReadonlyMap<string, string>;
}

const UNKNOWN = -1;
const NO_SPELLINGS: ReadonlyMap<string, string> = new Map();
const NO_MEMBERS: Members = { byName: PersistentMap.of(new Map()), spellings: NO_SPELLINGS };
const NO_ITEMS: PersistentList<JsonNode> = PersistentList.of([]);

/**
 * A JSON value, kept as its text. A container is split into parts lazily, one level at a time; the text of a changed container is
 * joined from the texts of its parts. So unchanged values keep their exact text, and a changed container loses only the
 * whitespace between its parts.
 *
 * Immutable: a change makes a new node that shares all unchanged parts with the old one.
 */
export class JsonNode {
  /** Contains the text at `#start`; undefined for a changed node whose text was not built yet. */
  #source: string | undefined;
  readonly #start: number;
  #levels: number;
  #isExact = false;
  #members: Members | undefined = undefined;
  #items: PersistentList<JsonNode> | undefined = undefined;
  /** Length of all parts, without brackets, commas and whitespace. */
  #contentLength = UNKNOWN;

  private constructor(
    readonly kind: JsonKind,
    /** Length of `text`, known without building it. */
    readonly length: number,
    levels: number,
    source?: string,
    start = 0,
  ) {
    this.#levels = levels;
    this.#source = source;
    this.#start = start;
  }

  /** The value at [start, end) of a valid text, without whitespace around it. */
  static ofSlice(source: string, start: number, end: number, levels = UNKNOWN): JsonNode {
    return new JsonNode(kindOf(source.charCodeAt(start)), end - start, levels, source, start);
  }

  static ofItems(items: PersistentList<JsonNode>, contentLength: number, levels: number): JsonNode {
    const node = new JsonNode('array', contentLength + layoutLength(items.size), levels);
    node.#items = items;
    node.#contentLength = contentLength;
    return node;
  }

  static ofMembers(members: Members, contentLength: number, levels: number): JsonNode {
    const node = new JsonNode('object', contentLength + layoutLength(members.byName.size), levels);
    node.#members = members;
    node.#contentLength = contentLength;
    return node;
  }

  /** The exact text of the value. */
  get text(): string {
    if (this.#source === undefined) {
      const pieces: string[] = [];
      this.#write(pieces);
      this.#source = pieces.join('');
    }
    return this.#source.slice(this.#start, this.#start + this.length);
  }

  /**
   * Depth of nested containers, 0 for a scalar. An upper bound after changes, because the deepest part may have been removed.
   */
  get levels(): number {
    if (this.#levels === UNKNOWN) {
      if (this.kind === 'object') this.#levels = levelsAbove(this.#parts().byName.values());
      else this.#levels = this.kind === 'array' ? levelsAbove(this.items()) : 0;
    }
    return this.#levels;
  }

  /** Exact depth. Reads the whole text, once per node. */
  exactLevels(): number {
    if (!this.#isExact) {
      this.#levels = levelsOf(this.text);
      this.#isExact = true;
    }
    return this.#levels;
  }

  /** Number of members or items; 0 for a scalar. */
  get size(): number {
    return this.kind === 'object' ? this.#parts().byName.size : this.#list().size;
  }

  /** The JavaScript value. Numbers become doubles; compare with `jsonEqual` instead. */
  value(): unknown {
    return JSON.parse(this.text);
  }

  /** Items of an array; empty for any other kind. */
  items(): readonly JsonNode[] {
    return this.#list().toArray();
  }

  /** Unescaped names and values of an object, in order; empty for any other kind. */
  members(): IterableIterator<[string, JsonNode]> {
    return this.#parts().byName.entries();
  }

  /** A member by its unescaped name, or an item by its index. */
  get(token: string): JsonNode | undefined {
    if (this.kind === 'object') return this.#parts().byName.get(token);
    const index = this.kind === 'array' ? arrayIndex(token) : undefined;
    return index === undefined ? undefined : this.#list().get(index);
  }

  at(tokens: readonly string[]): JsonNode | undefined {
    return tokens.reduce<JsonNode | undefined>((node, token) => node?.get(token), this);
  }

  /** Keeps the place of an existing name; a new name goes last. */
  withMember(name: string, node: JsonNode): JsonNode {
    return this.withMembers(new Map([[name, node]]));
  }

  withoutMember(name: string): JsonNode {
    return this.withMembers(new Map([[name, undefined]]));
  }

  /** Sets the members that have a node and removes the others. */
  withMembers(changes: ReadonlyMap<string, JsonNode | undefined>): JsonNode {
    this.#require('object');
    const { byName, spellings } = this.#parts();
    let contentLength = this.#lengthOfContent();
    let { levels } = this;
    for (const [name, node] of changes) {
      const old = byName.get(name);
      const nameLength = spelling(spellings, name).length + 1;
      if (old !== undefined) contentLength -= nameLength + old.length;
      if (node !== undefined) {
        contentLength += nameLength + node.length;
        levels = Math.max(levels, node.levels + 1);
      }
    }
    return JsonNode.ofMembers({ byName: byName.with(changes), spellings }, contentLength, levels);
  }

  withItems(items: readonly JsonNode[]): JsonNode {
    this.#require('array');
    return arrayNode(items);
  }

  withItem(index: number, node: JsonNode): JsonNode {
    return this.#withSpliced(index, 1, node);
  }

  /** Inserts before the item at the index; `index` = size appends. */
  withInserted(index: number, node: JsonNode): JsonNode {
    return this.#withSpliced(index, 0, node);
  }

  withoutItem(index: number): JsonNode {
    return this.#withSpliced(index, 1);
  }

  #withSpliced(index: number, removed: 0 | 1, node?: JsonNode): JsonNode {
    this.#require('array');
    const list = this.#list();
    const old = removed === 0 ? undefined : list.get(index);
    if (index < 0 || index > list.size || (removed === 1 && old === undefined)) {
      throw new RangeError(`Index ${index} is out of range in an array of ${list.size} items`);
    }
    const items = node === undefined ? list.spliced(index, removed) : list.spliced(index, removed, node);
    const contentLength = this.#lengthOfContent() - (old?.length ?? 0) + (node?.length ?? 0);
    const levels = node === undefined ? this.levels : Math.max(this.levels, node.levels + 1);
    return JsonNode.ofItems(items, contentLength, levels);
  }

  /** Appends the text in pieces, so that a deep change copies each text once and not once per level. */
  #write(pieces: string[]): void {
    if (this.#source !== undefined) {
      pieces.push(this.text);
    } else if (this.kind === 'array') {
      let before = '[';
      for (const item of this.items()) {
        pieces.push(before);
        item.#write(pieces);
        before = ',';
      }
      pieces.push(before === '[' ? '[]' : ']');
    } else {
      const { byName, spellings } = this.#parts();
      let before = '{';
      for (const [name, node] of byName.entries()) {
        pieces.push(before, spelling(spellings, name), ':');
        node.#write(pieces);
        before = ',';
      }
      pieces.push(before === '{' ? '{}' : '}');
    }
  }

  #lengthOfContent(): number {
    if (this.#contentLength === UNKNOWN) {
      this.#contentLength = this.kind === 'object' ? lengthOfMembers(this.#parts()) : lengthOfItems(this.#list());
    }
    return this.#contentLength;
  }

  #parts(): Members {
    if (this.kind !== 'object') return NO_MEMBERS;
    return (this.#members ??= splitObject(this.#source as string, this.#start));
  }

  #list(): PersistentList<JsonNode> {
    if (this.kind !== 'array') return NO_ITEMS;
    return (this.#items ??= splitArray(this.#source as string, this.#start));
  }

  #require(kind: JsonKind): void {
    if (this.kind !== kind) throw new TypeError(`Expected an ${kind}, this is of kind ${this.kind}`);
  }
}

/** The document of a valid text. The text is not checked: call `scanJson` first. */
export function parseDocument(text: string): JsonNode {
  const source = text.trim();
  return JsonNode.ofSlice(source, 0, source.length);
}

/** The node of a JavaScript value. */
export function fromValue(value: unknown): JsonNode {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`A value of type ${typeof value} has no JSON`);
  return parseDocument(text);
}

/** The array is not copied; the caller must not change it afterwards. */
export function arrayNode(nodes: readonly JsonNode[]): JsonNode {
  const items = PersistentList.of(nodes);
  return JsonNode.ofItems(items, lengthOfItems(items), levelsAbove(nodes));
}

export function objectNode(members: Iterable<readonly [string, JsonNode]>): JsonNode {
  const byName = PersistentMap.of(new Map(members));
  const parts = { byName, spellings: NO_SPELLINGS };
  return JsonNode.ofMembers(parts, lengthOfMembers(parts), levelsAbove(byName.values()));
}

function splitArray(text: string, start: number): PersistentList<JsonNode> {
  const items: JsonNode[] = [];
  visitItems(text, start, (itemStart, end, levels) => {
    items.push(JsonNode.ofSlice(text, itemStart, end, levels));
  });
  return PersistentList.of(items);
}

function splitObject(text: string, start: number): Members {
  const byName = new Map<string, JsonNode>();
  const spellings = new Map<string, string>();
  visitMembers(text, start, (nameStart, nameEnd, valueStart, end, levels) => {
    const name = unescape(text, nameStart, nameEnd);
    if (name.length !== nameEnd - nameStart - 2) spellings.set(name, text.slice(nameStart, nameEnd));
    byName.set(name, JsonNode.ofSlice(text, valueStart, end, levels));
  });
  return { byName: PersistentMap.of(byName), spellings };
}

/** A name as written in the text. Names without escapes have no entry in `spellings`. */
function spelling(spellings: ReadonlyMap<string, string>, name: string): string {
  return spellings.get(name) ?? JSON.stringify(name);
}

function lengthOfItems(items: PersistentList<JsonNode>): number {
  let length = 0;
  for (const item of items.toArray()) length += item.length;
  return length;
}

function lengthOfMembers({ byName, spellings }: Members): number {
  let length = 0;
  for (const [name, node] of byName.entries()) length += spelling(spellings, name).length + 1 + node.length;
  return length;
}

/** Length of brackets and commas. */
function layoutLength(size: number): number {
  return 2 + Math.max(0, size - 1);
}

function levelsAbove(nodes: Iterable<JsonNode>): number {
  let levels = 0;
  for (const node of nodes) levels = Math.max(levels, node.levels);
  return levels + 1;
}
