import { crc32 } from 'node:zlib';
import { Damage } from './damaged-journal.error.js';
import {
  BRANCH,
  HEADER_BYTES,
  LEAF,
  OVERFLOW,
  readUInt64,
  TREE_BYTES,
  treeAt,
  type Meta,
  type PageFile,
  type Tree,
} from './page-file.js';
import { CHECKSUM_BYTES, keyOf, SEALED, seedOf } from './seal.js';

/** Databases of a journal, and how its rows are protected. */
export interface JournalLayout {
  /** Names, beside `service`. */
  readonly databases: readonly string[];
  /** Database of the records about the journal itself. */
  readonly service: string;
  /** Raised when records change their shape; a journal of another format is refused. */
  readonly format: number;
  /** Last format whose rows have no checksums. The first start adds them. */
  readonly unsealedFormat: number;
  /** Remedy for damage, for the operator. `<directory>` and `<file>` in it stand for those of the journal. */
  readonly remedy: string;
}

/** Records of `service` that an earlier version of this program must be able to read. */
export const PLAIN_KEYS = ['owner', 'format'];
/** Key in `service` while rows are being sealed. */
export const SEALING = 'sealing';

export interface WalkedRow {
  readonly database: string;
  readonly key: Buffer;
  readonly value: Buffer;
  /** The transaction that wrote the page. */
  readonly transaction: number;
}

export interface WalkSink {
  /** Without it, the walk ends at the first damage with this damage. */
  readonly damage?: (damage: Damage, database: string) => void;
  /** Called for each row whose checksum is right, and in the format without checksums for each row. */
  readonly row?: (row: WalkedRow) => void;
}

const NODE_BYTES = 8;
const BIG = 1;
const SUB_TREE = 2;
/** Size of the reference to a long value. */
const REFERENCE_BYTES = 24;
/** A tree of this depth has more pages than fit into any file. */
const MAX_DEPTH = 32;
const CHUNK_PAGES = 64;
/** Pages that lmdb may have counted and lost. */
const MAX_LOST_PAGES = 1024;
/** Name of the tree of free pages. */
export const FREE = 'list of free pages';
const MAIN = 'list of databases';

interface Walking {
  readonly name: string;
  readonly seed: number;
  readonly depth: number;
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  entries: number;
}

/** A value on pages of its own. */
interface LongValue {
  readonly first: number;
  readonly bytes: number;
}

/**
 * Reads all trees of a journal file, page by page, with memory for one page per level and a bit per page. Checks what lmdb
 * relies on and does not check: headers, bounds, order of keys, counts, and that no page has two uses. An old page that a
 * damaged number leads to is in the list of free pages, so old rows are not taken for current ones. Checks the checksum of
 * each row too.
 */
export class JournalWalk {
  readonly #marks: Uint8Array;
  readonly #beyond = new Set<number>();
  readonly #levels: Buffer[] = [];
  readonly #trees = new Map<string, Tree>();
  /** Number of marked pages. */
  #used = 0;
  #isSealed = true;
  /** Rows of `service` without a checksum: some come before the row that says whether they must have one. */
  #unsealed: Damage[] = [];
  /** Last key that was read, for the order. */
  readonly #lastKey = Buffer.alloc(4096);
  #lastKeyBytes = -1;
  /** The next key may be equal to the last one, which is a bound and no row. */
  #isBound = false;

  constructor(
    private readonly file: PageFile,
    private readonly meta: Meta,
    private readonly layout: JournalLayout,
    private readonly sink: WalkSink = {},
  ) {
    this.#marks = new Uint8Array((file.pages >> 3) + 1);
  }

  /** @throws Damage unless the sink takes it */
  run(): void {
    for (const _share of this.steps());
  }

  /** The same in steps of a page. Gives the share of the pages that are done, from 0 to 1. @throws Damage */
  *steps(): Generator<number> {
    const { meta, layout } = this;
    yield* this.#walk(FREE, meta.free);
    if (meta.lastPage + 1 > this.file.pages + this.#beyond.size + MAX_LOST_PAGES) {
      this.#report(new Damage(`page ${meta.page}, a root page`, `its last page is ${meta.lastPage}`), FREE);
    }
    yield* this.#walk(MAIN, meta.main);
    for (const name of [layout.service, ...layout.databases]) {
      const tree = this.#trees.get(name);
      if (tree !== undefined) yield* this.#walk(name, tree);
      if (this.#isSealed) for (const damage of this.#unsealed) this.#report(damage, name);
      this.#unsealed = [];
    }
  }

  /** The page is in a tree, or free. */
  isMarked(page: number): boolean {
    return ((this.#marks[page >> 3] as number) & (1 << (page & 7))) !== 0;
  }

  /** Number of rows that the trees should have. */
  get expected(): ReadonlyMap<string, number> {
    return new Map([...this.#trees].map(([name, { entries }]) => [name, entries]));
  }

  /** Finds rows of a page that no tree has, as far as their checksums are right. @throws Damage if it is no page of rows */
  readLost(page: number): void {
    const buffer = this.#level(0);
    this.file.readNode(page, LEAF, this.meta.transaction, buffer);
    for (const name of this.layout.databases) {
      const walking: Walking = { ...newWalking(name, 0) };
      for (let i = 0; i < nodesIn(buffer); i++) {
        try {
          this.#row(walking, page, buffer, i, true);
        } catch (error) {
          if (!(error instanceof Damage)) throw error;
        }
      }
    }
  }

  #report(damage: unknown, database: string): void {
    if (!(damage instanceof Damage) || this.sink.damage === undefined) throw damage;
    this.sink.damage(damage, database);
  }

  *#walk(name: string, tree: Tree): Generator<number> {
    const walking = newWalking(name, tree.depth);
    this.#lastKeyBytes = -1;
    this.#isBound = false;
    try {
      if (tree.depth > MAX_DEPTH) throw new Damage(name, `its depth is ${tree.depth}`);
      if (tree.root !== undefined) yield* this.#page(walking, tree.root, 1);
      for (const count of ['branchPages', 'leafPages', 'overflowPages', 'entries'] as const) {
        if (walking[count] !== tree[count]) {
          throw new Damage(`database "${name}"`, `it has ${walking[count]} ${SAYS[count]}, expected: ${tree[count]}`);
        }
      }
    } catch (error) {
      this.#report(error, name);
    }
  }

  *#page(walking: Walking, number: number, level: number): Generator<number> {
    this.#use(number, `page ${number} of "${walking.name}"`);
    const page = this.#level(level);
    const isLeaf = level === walking.depth;
    this.file.readNode(number, isLeaf ? LEAF : BRANCH, this.meta.transaction, page);
    const upper = page.readUInt16LE(22);
    const [nodes, lower] = [nodesIn(page), page.readUInt16LE(20)];
    const isRight = lower % 2 === 0 && lower <= upper && upper <= page.length - HEADER_BYTES;
    if (nodes === 0 || (!isRight && this.sink.damage === undefined)) {
      throw new Damage(`page ${number} of "${walking.name}"`, `its bounds are ${lower} and ${upper}`);
    }
    if (isLeaf) walking.leafPages++;
    else walking.branchPages++;
    yield this.#used / (this.meta.lastPage + 1);
    let bytes = 0;
    for (let i = 0; i < nodes; i++) {
      try {
        bytes += isLeaf ? this.#row(walking, number, page, i) : yield* this.#child(walking, number, page, i, level);
      } catch (error) {
        this.#report(error, walking.name);
      }
    }
    if (bytes !== page.length - HEADER_BYTES - upper && this.sink.damage === undefined) {
      throw new Damage(`page ${number} of "${walking.name}"`, `its nodes take ${bytes} bytes`);
    }
  }

  /** Returns the size of the node. */
  *#child(walking: Walking, number: number, page: Buffer, i: number, level: number): Generator<number, number> {
    const at = nodeAt(page, number, i);
    const keyBytes = page.readUInt16LE(at + 6);
    const start = at + NODE_BYTES;
    if (start + keyBytes > page.length) throw new Damage(`page ${number}`, `its node ${i} leaves the page`);
    // The first node stands for all keys before the second one; its own key is not used.
    if (i > 0) {
      this.#order(walking, number, page, start, start + keyBytes);
      this.#isBound = true;
    }
    const child = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 2 ** 16 + page.readUInt16LE(at + 4) * 2 ** 32;
    yield* this.#page(walking, child, level + 1);
    return evened(NODE_BYTES + keyBytes);
  }

  /** Returns the size of the node. */
  #row(walking: Walking, number: number, page: Buffer, i: number, isLost = false): number {
    const at = nodeAt(page, number, i);
    const size = page.readUInt32LE(at);
    const flags = page.readUInt16LE(at + 4);
    const start = at + NODE_BYTES;
    const keyEnd = start + page.readUInt16LE(at + 6);
    const isBig = flags === BIG;
    const end = keyEnd + (isBig ? REFERENCE_BYTES : size);
    if (end > page.length || keyEnd === start) throw new Damage(`page ${number}`, `its node ${i} leaves the page`);
    if (flags !== (walking.name === MAIN ? SUB_TREE : isBig ? BIG : 0)) {
      throw new Damage(`page ${number}`, `its node ${i} is of kind ${flags}`);
    }
    walking.entries++;
    if (!isLost) this.#order(walking, number, page, start, keyEnd);
    const long = isBig ? this.#reference(walking, page, keyEnd, size, isLost) : undefined;
    if (walking.name === FREE) this.#freePages(page, start, keyEnd, end, long);
    else if (walking.name === MAIN) this.#named(page, number, start, keyEnd, end);
    else this.#checked(walking, number, page, start, keyEnd, end, long, isLost);
    return evened(end - at);
  }

  #order(walking: Walking, number: number, page: Buffer, start: number, end: number): void {
    // A repair saves every row with the right checksum, in whatever order it finds them.
    if (this.sink.damage !== undefined) return;
    const last = this.#lastKey;
    const lastBytes = this.#lastKeyBytes;
    if (end - start > last.length) throw new Damage(`page ${number}`, `it has a key of ${end - start} bytes`);
    if (lastBytes >= 0) {
      const order =
        walking.name === FREE
          ? readUInt64(page, start) - readUInt64(last, 0)
          : page.compare(last, 0, lastBytes, start, end);
      if (this.#isBound ? order < 0 : order <= 0) {
        throw new Damage(`page ${number} of "${walking.name}"`, 'its keys are not in order');
      }
    }
    page.copy(last, 0, start, end);
    this.#lastKeyBytes = end - start;
    this.#isBound = false;
  }

  /** Reads the reference to a long value, and checks its first page. */
  #reference(walking: Walking, page: Buffer, at: number, bytes: number, isLost: boolean): LongValue {
    const first = readUInt64(page, at);
    const pages = readUInt64(page, at + 16);
    const needed = Math.floor((HEADER_BYTES - 1 + bytes) / page.length) + 1;
    const place = `page ${first} of "${walking.name}"`;
    // A value keeps its pages when a shorter one replaces it.
    if (pages < needed) throw new Damage(place, `a value of ${bytes} bytes needs more than ${pages} pages`);
    if (first + pages > this.file.pages)
      throw new Damage(place, `the file ends before it, at ${this.file.bytes} bytes`);
    const head = this.#level(MAX_DEPTH + 1);
    this.file.readNode(first, OVERFLOW, this.meta.transaction, head);
    if (head.readUInt32LE(20) !== pages) throw new Damage(place, `it says ${head.readUInt32LE(20)} pages`);
    if (!isLost) for (let i = 0; i < pages; i++) this.#use(first + i, place);
    walking.overflowPages += pages;
    return { first, bytes };
  }

  #freePages(page: Buffer, start: number, keyEnd: number, end: number, long: LongValue | undefined): void {
    if (keyEnd - start !== 8) throw new Damage(FREE, 'a key has another size');
    const list = long === undefined ? page.subarray(keyEnd, end) : this.#bytesOf(long);
    const count = list.length >= 8 ? readUInt64(list, 0) : Infinity;
    if ((count + 1) * 8 > list.length) throw new Damage(FREE, `a record of ${list.length} bytes lists ${count} pages`);
    for (let i = 1; i <= count; i++) {
      let run = 1;
      // A negative number is the length of a run of pages, whose first one follows. Zero is a gap.
      if (list.readInt32LE(i * 8 + 4) < 0) {
        run = -Number(list.readBigInt64LE(i * 8));
        if (++i > count) throw new Damage(FREE, 'a run has no first page');
        if (run > this.meta.lastPage) throw new Damage(FREE, `a run has ${run} pages`);
      }
      const first = readUInt64(list, i * 8);
      if (first !== 0) for (let j = 0; j < run; j++) this.#use(first + j, FREE);
    }
  }

  #named(page: Buffer, number: number, start: number, keyEnd: number, end: number): void {
    const name = page.toString('latin1', start, keyEnd - 1);
    const isKnown = name === this.layout.service || this.layout.databases.includes(name);
    if (!isKnown || page[keyEnd - 1] !== 0 || this.#trees.has(name)) {
      throw new Damage(
        `page ${number}`,
        `it names a database ${JSON.stringify(name)}, which this version does not know`,
      );
    }
    const tree = treeAt(page, keyEnd);
    if (end - keyEnd !== TREE_BYTES || tree.flags !== 0)
      throw new Damage(`database "${name}"`, 'its record is damaged');
    this.#trees.set(name, tree);
  }

  #checked(
    walking: Walking,
    number: number,
    page: Buffer,
    start: number,
    keyEnd: number,
    end: number,
    long: LongValue | undefined,
    isLost: boolean,
  ): void {
    const { name, seed } = walking;
    const { row } = this.sink;
    const fault = () =>
      new Damage(`page ${number}, key ${keyText(page, start, keyEnd)} of "${name}"`, 'wrong checksum');
    let value: Buffer | undefined;
    if (name === this.layout.service) {
      const key = page.toString('latin1', start, keyEnd);
      if (PLAIN_KEYS.includes(key)) {
        if (key === 'format' && page[keyEnd] === this.layout.unsealedFormat) this.#isSealed = false;
        return;
      }
      if (key === SEALING) this.#isSealed = false;
    }
    if (long === undefined) {
      if (page[keyEnd] === SEALED) {
        const sealEnd = end - CHECKSUM_BYTES;
        if (sealEnd <= keyEnd || crc32(page.subarray(start, sealEnd), seed) !== page.readUInt32LE(sealEnd))
          throw fault();
      } else if (name === this.layout.service) this.#unsealed.push(fault());
      else if (this.#isSealed || isLost) throw fault();
      if (row !== undefined) value = Buffer.from(page.subarray(keyEnd, end));
    } else {
      const checksum = crc32(page.subarray(start, keyEnd), seed);
      if (row !== undefined) value = this.#bytesOf(long);
      if (!this.#isRight(long, checksum, isLost)) throw fault();
    }
    if (value !== undefined) {
      row?.({
        database: name,
        key: Buffer.from(page.subarray(start, keyEnd)),
        value,
        transaction: readUInt64(page, 8),
      });
    }
  }

  #isRight(long: LongValue, start: number, isLost: boolean): boolean {
    const end = long.bytes - CHECKSUM_BYTES;
    let checksum = start;
    let tail = Buffer.alloc(0);
    let done = 0;
    for (const chunk of this.#chunksOf(long)) {
      if (done === 0 && chunk[0] !== SEALED) return !this.#isSealed && !isLost;
      if (done < end) checksum = crc32(chunk.subarray(0, Math.max(0, end - done)), checksum);
      if (done + chunk.length > end) tail = Buffer.concat([tail, chunk.subarray(Math.max(0, end - done))]);
      done += chunk.length;
    }
    return tail.readUInt32LE(0) === checksum;
  }

  *#chunksOf({ first, bytes }: LongValue): Generator<Buffer> {
    const { pageBytes } = this.file;
    const total = HEADER_BYTES + bytes;
    for (let at = 0; at < total; at += CHUNK_PAGES * pageBytes) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_PAGES * pageBytes, total - at));
      this.file.read(first + at / pageBytes, chunk);
      yield at === 0 ? chunk.subarray(HEADER_BYTES) : chunk;
    }
  }

  #bytesOf(long: LongValue): Buffer {
    return Buffer.concat([...this.#chunksOf(long)]);
  }

  /** Each page has one use. */
  #use(page: number, place: string): void {
    if (page < 2 || page > this.meta.lastPage) throw new Damage(place, `there is no page ${page}`);
    if (page >= this.file.pages) {
      if (place !== FREE) throw new Damage(place, `the file ends before it, at ${this.file.bytes} bytes`);
      // A page that was used and freed in one transaction was never written.
      if (this.#beyond.has(page)) throw new Damage(place, `page ${page} is there twice`);
      this.#beyond.add(page);
      return;
    }
    if (this.isMarked(page)) throw new Damage(place, `page ${page} is in use twice`);
    this.#used++;
    this.#marks[page >> 3] = (this.#marks[page >> 3] as number) | (1 << (page & 7));
  }

  #level(level: number): Buffer {
    return (this.#levels[level] ??= Buffer.alloc(this.file.pageBytes));
  }
}

const SAYS = {
  branchPages: 'inner pages',
  leafPages: 'pages of rows',
  overflowPages: 'pages of long values',
  entries: 'rows',
} as const;

function newWalking(name: string, depth: number): Walking {
  return { name, seed: seedOf(name), depth, branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
}

function nodesIn(page: Buffer): number {
  return Math.min(page.readUInt16LE(20), page.length - HEADER_BYTES) >> 1;
}

function nodeAt(page: Buffer, number: number, i: number): number {
  const at = HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + 2 * i);
  if (at + NODE_BYTES > page.length) throw new Damage(`page ${number}`, `its node ${i} leaves the page`);
  return at;
}

const evened = (bytes: number) => bytes + (bytes & 1);

/** Key of a row for people. */
function keyText(page: Buffer, start: number, end: number): string {
  let parts: unknown;
  try {
    parts = keyOf(Buffer.from(page.subarray(start, end)));
  } catch {
    parts = page.toString('latin1', start, end);
  }
  return JSON.stringify(Array.isArray(parts) ? parts.join(' ') : String(parts));
}
