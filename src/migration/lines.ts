import type { Config } from '../config/config.js';
import type { Damaged, Moved, RecordKind } from '../engine/moving/moved.js';
import type { SealedLine, Sealing } from './sealed-lines.js';

/** Raised when the meaning of lines changes. */
export const FORMAT_VERSION = 1;

/** The first line of an export. */
export interface HeaderLine {
  readonly kind: 'header';
  readonly format: 'waymark';
  readonly version: number;
  /** The time of the store, in milliseconds. */
  readonly atMs: number;
  readonly tenants: readonly string[];
  /** Present if the records of hidden tenants are sealed. */
  readonly sealed?: Sealing;
}

export const COUNT_OF = {
  queue: 'queues',
  board: 'boards',
  workflow: 'workflows',
  task: 'tasks',
} as const satisfies Record<RecordKind, string>;

/** Number of records of each kind, and of damaged ones, of which only the names are exported. */
export type Counts = Record<(typeof COUNT_OF)[RecordKind] | 'damaged', number>;

export function noCounts(): Counts {
  return { queues: 0, boards: 0, workflows: 0, tasks: 0, damaged: 0 };
}

/** The last line: counts of each kind, to detect a stream that was cut. */
export interface EndLine extends Readonly<Counts> {
  readonly kind: 'end';
  /** Where a limited export continues; null at the end. */
  readonly next: string | null;
}

/** A record without content: only its stamp or digest. */
export interface MarkLine {
  readonly kind: RecordKind;
  readonly tenant: string;
  readonly id: string;
  readonly stamp?: string;
  readonly digest?: string;
  readonly bytes?: number;
}

/** A record that the store could not read, or a list of records: then the id is empty. */
export type DamagedLine = Damaged & { readonly tenant: string };

/** Such characters of a foreign key could change a terminal or forge a line of a log. */
const CONTROL = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Name of a damaged record, and what is wrong with it. */
export function damageText({ of, id, tenant, message }: DamagedLine): string {
  const owner = tenant === 'default' ? '' : ` of tenant ${tenant}`;
  const name = id === '' ? `list of ${COUNT_OF[of]}` : `${of} ${id}`;
  return `${name}${owner}: ${message}`.replace(CONTROL, '?');
}

/** In an import: removes the record if it still has this stamp. */
export interface RemoveLine {
  readonly kind: 'remove';
  readonly tenant: string;
  readonly of: 'workflow' | 'task';
  readonly id: string;
  readonly stamp: string;
}

/** A record; in an import optionally with the stamp of the record it may replace. States are JSON text in strings, so that they stay exact. */
export type RecordLine = Moved & { readonly tenant: string; readonly replaces?: string };

export function headerOf(atMs: number, tenants: readonly string[], sealed?: Sealing): HeaderLine {
  return { kind: 'header', format: 'waymark', version: FORMAT_VERSION, atMs, tenants, ...(sealed && { sealed }) };
}

export function textOfLine(
  line: HeaderLine | EndLine | MarkLine | RemoveLine | RecordLine | SealedLine | DamagedLine,
): string {
  return `${JSON.stringify(line)}\n`;
}

const MIN_LINE_LIMIT_BYTES = 32 * 1024 * 1024;

/**
 * Maximum bytes of a line. A workflow has its state and its history as JSON text within JSON, where a character may
 * take two bytes. A task has its progress.
 */
export function maxLineBytes({
  maxStateBytes,
  historyMaxBytes,
}: Pick<Config, 'maxStateBytes' | 'historyMaxBytes'>): number {
  return Math.max(MIN_LINE_LIMIT_BYTES, 2 * (maxStateBytes + historyMaxBytes) + 1024 * 1024);
}
