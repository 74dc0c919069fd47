import { kindOf, type JsonKind } from './characters.js';
import { PersistentList } from './persistent-list.js';
import { PersistentMap } from './persistent-map.js';
import { arrayIndex } from './pointer.js';
import { levelsOf, visitItems, visitMembers } from './slices.js';
import { unescape } from './string-token.js';

/** The members of an object. Names written with escapes keep that spelling; the others are their own text. */
interface Members {
  readonly byName: PersistentMap<JsonNode>;
  readonly spellings: ReadonlyMap<string, string>;
}

const UNKNOWN = -1;
const NO_SPELLINGS: ReadonlyMap<string, string> = new Map();
const NO_MEMBERS: Members = { byName: PersistentMap.of(new Map()), spellings: NO_SPELLINGS };
const NO_ITEMS: PersistentList<JsonNode> = PersistentList.of([]);

/**
 * A JSON value as the text it is. A container is taken apart one level at a time, when somebody looks into it; a changed one
 * is put together again from the texts of its parts. So whatever nobody touches keeps its exact text, however it was written,
 * and only the layout around the parts of a changed container is lost.
 *
 * Immutable: a change makes a new node, which shares all untouched parts with the old one.
 */
export class JsonNode {
  /** Holds the text from `#start` on; undefined when the node was changed and nobody has asked for its text yet. */
  #source: string | undefined;
  readonly #start: number;
  #levels: number;
  #isExact = false;
  #members: Members | undefined = undefined;
  #items: PersistentList<JsonNode> | undefined = undefined;
  /** Length of what is inside the brackets, without commas and layout. */
  #contentLength = UNKNOWN;

  private constructor(
    readonly kind: JsonKind,
    /** Length of `text`, known without making it. */
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
   * How many containers lie inside each other, 0 for a scalar. After changes it is an upper bound: what made the value deep
   * may have been removed.
   */
  get levels(): number {
    if (this.#levels === UNKNOWN) {
      if (this.kind === 'object') this.#levels = levelsAbove(this.#parts().byName.values());
      else this.#levels = this.kind === 'array' ? levelsAbove(this.items()) : 0;
    }
    return this.#levels;
  }

  /** The exact number. It takes a walk over the text, but only once for a node. */
  exactLevels(): number {
    if (!this.#isExact) {
      this.#levels = levelsOf(this.text);
      this.#isExact = true;
    }
    return this.#levels;
  }

  /** How many members or items there are; none in a scalar. */
  get size(): number {
    return this.kind === 'object' ? this.#parts().byName.size : this.#list().size;
  }

  /** The value in the language. Numbers become doubles, so compare those by `jsonEqual`. */
  value(): unknown {
    return JSON.parse(this.text);
  }

  /** The items of an array; none for anything else. */
  items(): readonly JsonNode[] {
    return this.#list().toArray();
  }

  /** Unescaped names and values of an object, in order; none for anything else. */
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

  /** In its old place when the name is there already, else last. */
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

  /** Before the item at the index, or last. */
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
      throw new RangeError(`There is no place ${index} in an array of ${list.size}`);
    }
    const items = node === undefined ? list.spliced(index, removed) : list.spliced(index, removed, node);
    const contentLength = this.#lengthOfContent() - (old?.length ?? 0) + (node?.length ?? 0);
    const levels = node === undefined ? this.levels : Math.max(this.levels, node.levels + 1);
    return JsonNode.ofItems(items, contentLength, levels);
  }

  /** Appends the text in pieces, so that a deep change copies the texts below it once and not once per level. */
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
    if (this.kind !== kind) throw new TypeError(`An ${kind} is needed, this is of kind ${this.kind}`);
  }
}

/** A document for a text that is known to be valid; anything else gives nonsense, so scan it first. */
export function parseDocument(text: string): JsonNode {
  const source = text.trim();
  return JsonNode.ofSlice(source, 0, source.length);
}

/** A node for a value of the language: a string, number, boolean, null, or plain arrays and objects of these. */
export function fromValue(value: unknown): JsonNode {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`There is no JSON for a value of type ${typeof value}`);
  return parseDocument(text);
}

/** Takes the array over: it must not change any more. */
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

/** A name as it stands in the text. Any escape makes that longer than the name; without one, quotes are all it takes. */
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

/** The brackets and the commas. */
function layoutLength(size: number): number {
  return 2 + Math.max(0, size - 1);
}

function levelsAbove(nodes: Iterable<JsonNode>): number {
  let levels = 0;
  for (const node of nodes) levels = Math.max(levels, node.levels);
  return levels + 1;
}
