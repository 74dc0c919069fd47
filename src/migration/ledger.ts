import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RecordKind } from '../engine/moving/moved.js';
import { coreOf } from '../engine/moving/stamp.js';

const MARK_LENGTH = 16;

/**
 * Stamps of the records that this migration wrote to the target. Only those may be replaced or removed without a
 * conflict.
 * A mark is written before its record. So after a crash the ledger may have a mark without a record, but never lacks
 * one.
 */
export class Ledger {
  readonly #marks = new Set<string>();

  /** Without a file, the ledger is lost when the process ends. */
  constructor(readonly file: string | undefined) {
    if (file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    if (!existsSync(file)) return;
    // A line that was cut by a crash has no record: the mark is written first.
    for (const mark of readFileSync(file, 'utf8').split('\n')) if (mark.length === MARK_LENGTH) this.#marks.add(mark);
  }

  get size(): number {
    return this.#marks.size;
  }

  has(kind: RecordKind, tenant: string, id: string, stamp: string): boolean {
    return this.#marks.has(markOf(kind, tenant, id, stamp));
  }

  add(kind: RecordKind, tenant: string, records: readonly { readonly id: string; readonly stamp: string }[]): void {
    const marks = new Set(records.map(({ id, stamp }) => markOf(kind, tenant, id, stamp)));
    const fresh = [...marks].filter((mark) => !this.#marks.has(mark));
    for (const mark of fresh) this.#marks.add(mark);
    // The leading line break ends a line that was cut.
    if (this.file !== undefined && fresh.length > 0)
      appendFileSync(this.file, `\n${fresh.join('\n')}\n`, { mode: 0o600 });
  }
}

function markOf(kind: RecordKind, tenant: string, id: string, stamp: string): string {
  const known = kind === 'workflow' ? coreOf(stamp) : stamp;
  return createHash('sha1').update(`${kind}\0${tenant}\0${id}\0${known}`).digest('base64url').slice(0, MARK_LENGTH);
}
