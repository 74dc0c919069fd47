import type { Moved, RecordKind } from '../engine/moving/moved.js';

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
}

/** The last line: counts of each kind, to detect a stream that was cut. */
export interface EndLine {
  readonly kind: 'end';
  readonly queues: number;
  readonly workflows: number;
  readonly tasks: number;
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

export function headerOf(atMs: number, tenants: readonly string[]): HeaderLine {
  return { kind: 'header', format: 'waymark', version: FORMAT_VERSION, atMs, tenants };
}

export function textOfLine(line: HeaderLine | EndLine | MarkLine | RemoveLine | RecordLine): string {
  return `${JSON.stringify(line)}\n`;
}

export const COUNT_OF = { queue: 'queues', workflow: 'workflows', task: 'tasks' } as const satisfies Record<
  RecordKind,
  'queues' | 'workflows' | 'tasks'
>;

const MIN_LINE_LIMIT_BYTES = 32 * 1024 * 1024;

/** Limit of a line: a state and its history as JSON within JSON, where a character may take two; or a task with its progress. */
export function maxLineBytes(limits: { readonly maxStateBytes: number; readonly historyMaxBytes: number }): number {
  return Math.max(MIN_LINE_LIMIT_BYTES, 2 * (limits.maxStateBytes + limits.historyMaxBytes) + 1024 * 1024);
}
