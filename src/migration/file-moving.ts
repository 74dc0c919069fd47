import { open, type FileHandle } from 'node:fs/promises';
import type { Keyring } from '../access/seal/keyring.js';
import type { Arrived } from '../engine/moving/arrival.js';
import { DAMAGED_STAMP, isDamaged } from '../engine/moving/damaged.js';
import type { Damaged, RecordKind, Moved, MovedBoard, MovedQueue } from '../engine/moving/moved.js';
import { Moving, type Stamped, type StampPage } from '../engine/moving/moving.js';
import { stampOf } from '../engine/moving/stamp.js';
import { checkedDamage } from './checked-damage.js';
import { checkedRecord, type Fields } from './checked-record.js';
import {
  COUNT_OF,
  FORMAT_VERSION,
  noCounts,
  type Counts,
  type DamagedLine,
  type EndLine,
  type HeaderLine,
} from './lines.js';
import { readLines } from './read-lines.js';
import { LineOpener } from './sealed-lines.js';

const STAMPS_PER_PAGE = 1000;
const MAX_LINE_BYTES = 512 * 1024 * 1024;

interface IndexedRecord extends Stamped {
  readonly start: number;
  readonly end: number;
}

/** Reads an export file: indexes the positions of its records first, then reads single records. */
export class FileMoving extends Moving {
  readonly #places = new Map<string, Map<string, IndexedRecord>>();
  #atMs = 0;
  /** Workflows of each tenant in the order of their ids, once they were listed. */
  readonly #sorted = new Map<string, readonly IndexedRecord[]>();

  private constructor(
    readonly name: string,
    private readonly file: FileHandle,
    private readonly keyring: Keyring,
  ) {
    super();
  }

  /** @throws Error when the file is not an export, or was cut */
  static async open(name: string, keyring: Keyring): Promise<FileMoving> {
    const moving = new FileMoving(name, await open(name, 'r'), keyring);
    try {
      await moving.#index();
      return moving;
    } catch (error) {
      await moving.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  async listTenants(): Promise<readonly string[]> {
    const tenants = [...this.#places.keys()].map((key) => key.slice(key.indexOf(' ') + 1));
    return [...new Set(tenants)].toSorted();
  }

  async now(): Promise<number> {
    return this.#atMs;
  }

  async listWorkflows(tenant: string, after: string | undefined, limit: number): Promise<StampPage> {
    const sorted = this.#sortedWorkflows(tenant);
    let low = 0;
    let high = after === undefined ? 0 : sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as IndexedRecord).id <= (after as string)) low = middle + 1;
      else high = middle;
    }
    const items = sorted.slice(low, low + limit);
    return { items, next: low + limit < sorted.length ? items.at(-1)?.id : undefined };
  }

  async *listTasks(tenant: string): AsyncGenerator<readonly Stamped[]> {
    const tasks = [...this.#of('task', tenant).values()];
    for (let at = 0; at < tasks.length; at += STAMPS_PER_PAGE) yield tasks.slice(at, at + STAMPS_PER_PAGE);
  }

  async listQueues(tenant: string): Promise<readonly (MovedQueue | Damaged)[]> {
    const queues = await this.read(tenant, 'queue', [...this.#of('queue', tenant).keys()]);
    return queues.filter((queue) => queue !== undefined) as (MovedQueue | Damaged)[];
  }

  async listBoards(tenant: string): Promise<readonly (MovedBoard | Damaged)[]> {
    const boards = await this.read(tenant, 'board', [...this.#of('board', tenant).keys()]);
    return boards.filter((board) => board !== undefined) as (MovedBoard | Damaged)[];
  }

  read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | Damaged | undefined)[]> {
    const places = this.#of(kind, tenant);
    return Promise.all(
      ids.map(async (id) => {
        const place = places.get(id);
        if (place === undefined) return undefined;
        const { damage } = place;
        if (damage !== undefined) return { kind: 'damaged', of: kind, id, message: damage } as const;
        const bytes = Buffer.alloc(place.end - place.start);
        await this.file.read(bytes, 0, bytes.length, place.start);
        const line = JSON.parse(bytes.toString('utf8')) as Fields;
        return checkedRecord(new LineOpener(this.keyring).open(line));
      }),
    );
  }

  async put(): Promise<Arrived> {
    throw new Error('The file is open read-only');
  }

  async remove(): Promise<boolean> {
    throw new Error('The file is open read-only');
  }

  async #index(): Promise<void> {
    const seen = noCounts();
    const opener = new LineOpener(this.keyring);
    let number = 0;
    let at = 0;
    let end: EndLine | undefined;
    let hasHeader = false;
    const stream = this.file.createReadStream({ start: 0, autoClose: false });
    for await (const text of readLines(stream, MAX_LINE_BYTES)) {
      number++;
      const start = at;
      at += Buffer.byteLength(text) + 1;
      if (text.trim() === '') continue;
      const line = this.#parsed(text, number);
      if (line['kind'] === 'header') {
        this.#header(line as unknown as HeaderLine);
        opener.begin(line);
        hasHeader = true;
      } else if (!hasHeader) {
        throw new Error(`${this.name} is not an export: its first line is no header`);
      } else if (line['kind'] === 'end') end = line as unknown as EndLine;
      else this.#place(() => opener.open(line), number, { start, end: start + Buffer.byteLength(text) }, seen);
    }
    if (!hasHeader) throw new Error(`${this.name} is not an export: it is empty`);
    const isWhole =
      // Earlier versions had neither boards nor damaged records.
      end !== undefined &&
      Object.entries(seen).every(([name, count]) => (end[name as keyof typeof seen] ?? 0) === count);
    if (!isWhole)
      throw new Error(`${this.name} was cut: its end line is missing or does not match the number of records`);
  }

  #parsed(text: string, number: number): Record<string, unknown> {
    try {
      const line: unknown = JSON.parse(text);
      if (typeof line === 'object' && line !== null) return line as Record<string, unknown>;
    } catch {
      // Reported below.
    }
    if (number === 1) throw new Error(`${this.name} is not an export: its first line is no JSON object`);
    throw new Error(`${this.name}, line ${number}: not a JSON object`);
  }

  #header({ version, atMs }: HeaderLine): void {
    if (version !== FORMAT_VERSION) {
      throw new Error(`${this.name} has format ${version}; this version reads format ${FORMAT_VERSION} only`);
    }
    this.#atMs = atMs;
  }

  #place(open: () => Fields, number: number, place: Pick<IndexedRecord, 'start' | 'end'>, seen: Counts): void {
    let line: Fields;
    let record: Moved | DamagedLine;
    try {
      line = open();
      record =
        line['kind'] === 'damaged' ? checkedDamage(line, String(line['tenant'] ?? 'default')) : checkedRecord(line);
    } catch (error) {
      throw new Error(`${this.name}, line ${number}: ${(error as Error).message}`, { cause: error });
    }
    const { tenant = 'default' } = line;
    const { id } = record;
    const kind = isDamaged(record) ? record.of : record.kind;
    seen[isDamaged(record) ? 'damaged' : COUNT_OF[kind]]++;
    const key = `${kind} ${String(tenant)}`;
    const places = this.#places.get(key) ?? new Map<string, IndexedRecord>();
    const indexed = isDamaged(record)
      ? { id, stamp: DAMAGED_STAMP, bytes: 0, damage: record.message, ...place }
      : { id, stamp: stampOf(record), bytes: place.end - place.start, ...place };
    this.#places.set(key, places.set(id, indexed));
  }

  #of(kind: RecordKind, tenant: string): ReadonlyMap<string, IndexedRecord> {
    return this.#places.get(`${kind} ${tenant}`) ?? new Map();
  }

  #sortedWorkflows(tenant: string): readonly IndexedRecord[] {
    const workflows = this.#of('workflow', tenant);
    const sorted = this.#sorted.get(tenant) ?? [...workflows.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    this.#sorted.set(tenant, sorted);
    return sorted;
  }
}
