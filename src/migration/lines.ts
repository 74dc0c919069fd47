import type { Moved } from '../engine/moving/moved.js';
import type { Kind } from '../engine/moving/moved.js';

/** Raised when lines change their meaning. */
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

/** The last line: how many lines of each kind there were, so that a stream that was cut is noticed. */
export interface EndLine {
  readonly kind: 'end';
  readonly queues: number;
  readonly workflows: number;
  readonly tasks: number;
  /** Where an export with a limit goes on; null when there is no more. */
  readonly next: string | null;
}

/** A record apart from what it is: its stamp, or its digest. */
export interface MarkLine {
  readonly kind: Kind;
  readonly tenant: string;
  readonly id: string;
  readonly stamp?: string;
  readonly digest?: string;
  readonly bytes?: number;
}

/** In an import: take this away again, if it still has the stamp. */
export interface RemoveLine {
  readonly kind: 'remove';
  readonly tenant: string;
  readonly of: 'workflow' | 'task';
  readonly id: string;
  readonly stamp: string;
}

/** A record of a tenant; in an import perhaps with the stamp of what it may replace. States are JSON text within JSON, so that they stay as they are. */
export type RecordLine = Moved & { readonly tenant: string; readonly replaces?: string };

export function headerOf(atMs: number, tenants: readonly string[]): HeaderLine {
  return { kind: 'header', format: 'waymark', version: FORMAT_VERSION, atMs, tenants };
}

export function textOfLine(line: HeaderLine | EndLine | MarkLine | RemoveLine | RecordLine): string {
  return `${JSON.stringify(line)}\n`;
}

export const COUNT_OF = { queue: 'queues', workflow: 'workflows', task: 'tasks' } as const satisfies Record<
  Kind,
  'queues' | 'workflows' | 'tasks'
>;
