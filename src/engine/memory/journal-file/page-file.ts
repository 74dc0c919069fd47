import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Damage } from './damaged-journal.error.js';

/*
 * The layout of an lmdb file, as mdb.c of lmdb-js 3.5 writes it on 64-bit machines of either little-endian kind. Each page
 * begins with a header: its number, the transaction that wrote it, flags, and two bounds of its free space or, in the first of
 * several pages of a long value, their count. Offsets in the bounds and in the list of nodes count from the end of the header.
 */
export const HEADER_BYTES = 24;
export const BRANCH = 1;
export const LEAF = 2;
export const OVERFLOW = 4;
const META = 8;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const DB_BYTES = 48;
/** `P_INVALID`: the root of an empty tree. */
const NO_PAGE = 0xffff_ffff * 2 ** 32 + 0xffff_ffff;
/** Environment flags of files that this service makes, and `MDB_INTEGERKEY` of the list of free pages. */
const META_FLAGS = 0x4008;
/** Set if another program has opened the file with the default options of lmdb-js. It matters to that program only. */
const OVERLAPPING_SYNC = 0x1000;

/** Root and counts of one tree. */
export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined for an empty tree. */
  readonly root: number | undefined;
}

/** One of the two root pages. Transactions write them in turn. */
export interface Meta {
  readonly page: number;
  readonly pageBytes: number;
  /** Bytes that lmdb maps into memory. */
  readonly mapBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
  readonly free: Tree;
  readonly main: Tree;
}

export const readUInt64 = (page: Buffer, at: number) => page.readUInt32LE(at) + page.readUInt32LE(at + 4) * 2 ** 32;

export function treeAt(page: Buffer, at: number): Tree {
  const root = readUInt64(page, at + 40);
  return {
    flags: page.readUInt16LE(at + 4),
    depth: page.readUInt16LE(at + 6),
    branchPages: readUInt64(page, at + 8),
    leafPages: readUInt64(page, at + 16),
    overflowPages: readUInt64(page, at + 24),
    entries: readUInt64(page, at + 32),
    root: root === NO_PAGE ? undefined : root,
  };
}

/** Size of a description of a tree, as the main tree has one for each database. */
export const TREE_BYTES = DB_BYTES;

/** An lmdb file, read page by page without lmdb, which ends the process at a damaged page. */
export class PageFile {
  readonly #file: number;
  readonly bytes: number;
  pageBytes = 4096;

  constructor(readonly path: string) {
    this.#file = openSync(path, 'r');
    this.bytes = fstatSync(this.#file).size;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Pages that are in the file as a whole. */
  get pages(): number {
    return Math.floor(this.bytes / this.pageBytes);
  }

  /** Fills `into` from the start of a page on. @throws Damage if the file ends before */
  read(page: number, into: Buffer, of = `page ${page}`): void {
    const at = page * this.pageBytes;
    if (at + into.length > this.bytes || readSync(this.#file, into, 0, into.length, at) < into.length) {
      throw new Damage(of, `the file ends before it, at ${this.bytes} bytes`);
    }
  }

  /** Reads a page of a tree into `into`. @throws Damage if its header is not that of such a page */
  readNode(page: number, kind: number, before: number, into: Buffer): void {
    this.read(page, into);
    const flags = into.readUInt16LE(18);
    if (readUInt64(into, 0) !== page) throw new Damage(`page ${page}`, 'it has the number of another page, or none');
    if (flags !== kind) throw new Damage(`page ${page}`, `it is of kind ${flags}, expected: ${kind}`);
    const transaction = readUInt64(into, 8);
    if (transaction > before)
      throw new Damage(`page ${page}`, `it is of transaction ${transaction}, after the last one`);
  }

  /** Both root pages, the current one first. @throws Damage */
  metas(): readonly [Meta, Meta] {
    const first = this.meta(0);
    const second = this.meta(1);
    if (first.pageBytes !== second.pageBytes) throw new Damage('page 1', 'it has another page size than page 0');
    return first.transaction >= second.transaction ? [first, second] : [second, first];
  }

  /** @throws Damage */
  meta(page: 0 | 1): Meta {
    const head = Buffer.alloc(HEADER_BYTES + 144);
    // The second page can be found only with the page size, which the first one has.
    if (page === 0) this.pageBytes = 4096;
    this.read(page, head);
    const fault = (why: string) => new Damage(`page ${page}, a root page`, why);
    if (head.readUInt32LE(24) !== MAGIC) throw fault('it does not begin like an lmdb file');
    if (head.readUInt32LE(28) !== VERSION) throw fault(`it is of version ${head.readUInt32LE(28)} of lmdb`);
    if (readUInt64(head, 32) !== 0 || (head.readUInt16LE(18) & META) === 0) throw fault('its header is damaged');
    const pageBytes = head.readUInt32LE(48);
    if (pageBytes < 512 || pageBytes > 65536 || (pageBytes & (pageBytes - 1)) !== 0) {
      throw fault(`its page size is ${pageBytes}`);
    }
    if (page === 1 && pageBytes !== this.pageBytes) throw fault(`its page size is ${pageBytes}`);
    this.pageBytes = pageBytes;
    const [free, main] = [treeAt(head, 48), treeAt(head, 96)];
    if ((free.flags & ~OVERLAPPING_SYNC) !== META_FLAGS || main.flags !== 0)
      throw fault(`its flags are ${free.flags} and ${main.flags}`);
    return {
      page,
      pageBytes,
      free,
      main,
      mapBytes: readUInt64(head, 40),
      lastPage: readUInt64(head, 144),
      transaction: readUInt64(head, 152),
    };
  }
}
