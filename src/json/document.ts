import { kindOf, type JsonKind } from './characters.js';
import { countLevels, levelsAbove, recounted, type LevelCounts } from './level-counts.js';
import { MemberList, type Owner } from './member-list.js';
import type { MergedText, ObjectPlace } from './merge-texts.js';
import type { Nesting } from './nesting.js';
import { PartPlaces, SCALAR } from './part-places.js';
import { PersistentList, type ListReader } from './persistent-list.js';
import { arrayIndex } from './pointer.js';
import { readPlaces } from './read-places.js';
import { SourceText } from './source-text.js';

/** The parts of a container. */
interface Parts {
  readonly members: MemberList<JsonNode>;
  readonly items: PersistentList<JsonNode>;
  /** Length of the texts of all parts, without brackets, commas and whitespace. */
  readonly contentLength: number;
  /** Undefined for a container in a text, until it is changed. */
  levels: LevelCounts | undefined;
  /** Number of member names at all depths. */
  readonly names: number;
}

/** Sums over the parts of a changed container. */
type Totals = Pick<Parts, 'contentLength' | 'levels' | 'names'>;

const NO_MEMBERS = MemberList.of(new Map<string, JsonNode>());
const NO_ITEMS: PersistentList<JsonNode> = PersistentList.of([]);
const NO_PARTS: Parts = { members: NO_MEMBERS, items: NO_ITEMS, contentLength: 0, levels: [], names: 0 };

/**
 * A container with more changes than this is made anew from its text, so that they do not pile up over many commits.
 * A patch has fewer operations.
 */
const MAX_CHANGES = 1500;

/**
 * A JSON value, kept as its text. A container is split into parts lazily, one level at a time; the text of a changed container is
 * joined from the texts of its parts. So unchanged values keep their exact text, and a changed container loses only
 * whitespace between its parts.
 *
 * Immutable: a change makes a new node that shares all unchanged parts with the old one.
 */
export class JsonNode {
  /** Undefined for a changed node. */
  readonly #source: SourceText | undefined;
  readonly #start: number;
  /** Number in the nesting of the text, or SCALAR. */
  readonly #container: number;
  #parts: Parts | undefined;
  /** Text of a changed node, once it was built. */
  #built: string | undefined = undefined;

  private constructor(
    readonly kind: JsonKind,
    /** Length of `text`, known without building it. */
    readonly length: number,
    parts: Parts | undefined,
    source: SourceText | undefined,
    start: number,
    container: number,
  ) {
    this.#parts = parts;
    this.#source = source;
    this.#start = start;
    this.#container = container;
  }

  /** The value at [start, end) of a valid text, without whitespace around it. */
  static ofSlice(source: SourceText, start: number, end: number, container: number): JsonNode {
    const kind = kindOf(source.text.charCodeAt(start));
    return new JsonNode(kind, end - start, undefined, source, start, container);
  }

  static ofItems(items: PersistentList<JsonNode>, { contentLength, levels, names }: Totals): JsonNode {
    const parts = { members: NO_MEMBERS, items, contentLength, levels, names };
    const node = new JsonNode('array', contentLength + layoutLength(items.size), parts, undefined, 0, SCALAR);
    return items.pieces <= MAX_CHANGES + items.size / 256 ? node : parseDocument(node.text);
  }

  static ofMembers(members: MemberList<JsonNode>, { contentLength, levels, names }: Totals): JsonNode {
    const parts = { members, items: NO_ITEMS, contentLength, levels, names };
    const node = new JsonNode('object', contentLength + layoutLength(members.size), parts, undefined, 0, SCALAR);
    return members.edits <= MAX_CHANGES + members.size / 64 ? node : parseDocument(node.text);
  }

  /** An object of which the text and its totals are known. The text is read when a part is asked for. */
  static ofObjectText({ text, levels, names }: MergedText): JsonNode {
    return new JsonNode('object', text.length, undefined, new SourceText(text, { levels, names }), 0, 0);
  }

  /** The place of a container in its text; that of a changed one in a new text. */
  place(): ObjectPlace {
    if (this.#source === undefined) return parseDocument(this.text).place();
    return { source: this.#source, start: this.#start, container: this.#container };
  }

  /** The exact text of the value. */
  get text(): string {
    if (this.#source !== undefined) return this.#source.text.slice(this.#start, this.#start + this.length);
    if (this.#built === undefined) {
      const pieces: string[] = [];
      this.#write(pieces);
      this.#built = pieces.join('');
    }
    return this.#built;
  }

  /** Depth of nested containers, 0 for a scalar. */
  get levels(): number {
    if (!this.#isContainer) return 0;
    if (this.#source !== undefined) return this.#source.levels(this.#container);
    return levelsAbove(this.#levelsOfParts());
  }

  /** Number of member names at all depths. */
  get names(): number {
    if (!this.#isContainer) return 0;
    return this.#source === undefined ? this.#split().names : this.#source.names(this.#container);
  }

  /** Number of members or items; 0 for a scalar. */
  get size(): number {
    if (!this.#isContainer) return 0;
    if (this.#source !== undefined) return this.#source.nesting.parts(this.#container);
    const { members, items } = this.#split();
    return members.size + items.size;
  }

  /** The JavaScript value. Numbers become doubles; compare with `jsonEqual` instead. */
  value(): unknown {
    return JSON.parse(this.text);
  }

  /** Items of an array; empty for any other kind. A long array is better read by `itemReader` or `get`. */
  items(from = 0, to = this.size): readonly JsonNode[] {
    return this.kind === 'array' ? this.#split().items.slice(from, to) : [];
  }

  /** The item at an existing index, for a caller that does not ask for it again. */
  itemAt(index: number): JsonNode {
    return this.#split().items.pass(index);
  }

  /** Reads the items of an array in turn. There are none in any other kind. */
  itemReader(): ListReader<JsonNode> {
    return this.#split().items.reader();
  }

  /** Unescaped names and values of an object, in order; empty for any other kind. */
  members(): Generator<[string, JsonNode]> {
    return this.#split().members.entries();
  }

  /** A member by its unescaped name, or an item by its index. */
  get(token: string): JsonNode | undefined {
    if (this.kind === 'object') return this.#split().members.get(token);
    const index = this.kind === 'array' ? arrayIndex(token) : undefined;
    return index === undefined ? undefined : this.#split().items.get(index);
  }

  at(tokens: readonly string[]): JsonNode | undefined {
    return tokens.reduce<JsonNode | undefined>((node, token) => node?.get(token), this);
  }

  /** Keeps the place of an existing name; a new name goes last. `owner`: see MemberList. */
  withMember(name: string, node: JsonNode, owner?: Owner): JsonNode {
    return this.withMembers([[name, node]], owner);
  }

  withoutMember(name: string, owner?: Owner): JsonNode {
    return this.withMembers([[name, undefined]], owner);
  }

  /** Sets the members that have a node and removes the others. Each name stands only once in `changes`. */
  withMembers(changes: Iterable<readonly [string, JsonNode | undefined]>, owner: Owner = {}): JsonNode {
    this.#require('object');
    let { contentLength, names } = this.#split();
    const members = this.#split().members.edit(owner);
    const removed: number[] = [];
    const added: number[] = [];
    for (const [name, node] of changes) {
      const { old, nameLength } = members.set(name, node);
      if (old !== undefined) {
        contentLength -= nameLength + 1 + old.length;
        names -= old.names + 1;
        removed.push(old.levels);
      }
      if (node !== undefined) {
        contentLength += nameLength + 1 + node.length;
        names += node.names + 1;
        added.push(node.levels);
      }
    }
    const levels = recounted(this.#levelsOfParts(), removed, added);
    return JsonNode.ofMembers(members.done(owner), { contentLength, levels, names });
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
    const { items, contentLength, names } = this.#split();
    const old = removed === 0 ? undefined : items.get(index);
    if (index < 0 || index > items.size || (removed === 1 && old === undefined)) {
      throw new RangeError(`Index ${index} is out of range in an array of ${items.size} items`);
    }
    const next = node === undefined ? items.spliced(index, removed) : items.spliced(index, removed, node);
    const before = this.#levelsOfParts();
    const levels = recounted(before, old === undefined ? [] : [old.levels], node === undefined ? [] : [node.levels]);
    return JsonNode.ofItems(next, {
      contentLength: contentLength - (old?.length ?? 0) + (node?.length ?? 0),
      levels,
      names: names - (old?.names ?? 0) + (node?.names ?? 0),
    });
  }

  /** Appends the text in pieces, so that a deep change copies each text once and not once per level. */
  #write(pieces: string[]): void {
    if (this.#source !== undefined || this.#built !== undefined) {
      pieces.push(this.text);
      return;
    }
    const writePart = (part: JsonNode) => part.#write(pieces);
    const { members, items } = this.#split();
    pieces.push(this.kind === 'array' ? '[' : '{');
    members.write(pieces, writePart);
    items.write(pieces, writePart);
    pieces.push(this.kind === 'array' ? ']' : '}');
  }

  get #isContainer(): boolean {
    return this.kind === 'object' || this.kind === 'array';
  }

  #levelsOfParts(): LevelCounts {
    const parts = this.#split();
    // The parts of a changed node have levels.
    parts.levels ??= levelCountsOf((this.#source as SourceText).nesting, this.#container);
    return parts.levels;
  }

  #split(): Parts {
    if (!this.#isContainer) return NO_PARTS;
    return (this.#parts ??= this.#readParts(this.#source as SourceText));
  }

  #readParts(source: SourceText): Parts {
    const places = new PartPlaces(source, this.size, (start, end, container) =>
      JsonNode.ofSlice(source, start, end, container),
    );
    readPlaces(source, this.#start, this.#container, places);
    const isObject = this.kind === 'object';
    return {
      members: isObject ? MemberList.inText(places) : NO_MEMBERS,
      items: isObject ? NO_ITEMS : PersistentList.from(places),
      contentLength: places.contentLength,
      levels: undefined,
      names: this.names,
    };
  }

  #require(kind: JsonKind): void {
    if (this.kind !== kind) throw new TypeError(`Expected an ${kind}, this is of kind ${this.kind}`);
  }
}

/** The document of a valid text. The text is not checked: call `scanJson` first. */
export function parseDocument(text: string): JsonNode {
  const trimmed = text.trim();
  const kind = kindOf(trimmed.charCodeAt(0));
  const container = kind === 'object' || kind === 'array' ? 0 : SCALAR;
  return JsonNode.ofSlice(new SourceText(trimmed), 0, trimmed.length, container);
}

/** The node of a JavaScript value. */
export function fromValue(value: unknown): JsonNode {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`A value of type ${typeof value} has no JSON`);
  return parseDocument(text);
}

/** The array is not copied; the caller must not change it afterwards. */
export function arrayNode(nodes: readonly JsonNode[]): JsonNode {
  let contentLength = 0;
  let names = 0;
  for (const node of nodes) {
    contentLength += node.length;
    names += node.names;
  }
  return JsonNode.ofItems(PersistentList.of(nodes), { contentLength, levels: countLevels(levelsOf(nodes)), names });
}

export function objectNode(entries: Iterable<readonly [string, JsonNode]>): JsonNode {
  const members = new Map(entries);
  let contentLength = 0;
  let names = members.size;
  for (const [name, node] of members) {
    contentLength += JSON.stringify(name).length + 1 + node.length;
    names += node.names;
  }
  const levels = countLevels(levelsOf(members.values()));
  return JsonNode.ofMembers(MemberList.of(members), { contentLength, levels, names });
}

/** Length of brackets and commas. */
function layoutLength(size: number): number {
  return 2 + Math.max(0, size - 1);
}

function levelCountsOf(nesting: Nesting, container: number): LevelCounts {
  return countLevels(levelsInside(nesting, container));
}

function* levelsInside(nesting: Nesting, container: number): Generator<number> {
  for (const child of nesting.inside(container)) yield nesting.levels(child);
}

function* levelsOf(nodes: Iterable<JsonNode>): Generator<number> {
  for (const node of nodes) yield node.levels;
}
