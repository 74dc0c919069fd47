import type { About } from '../commit.js';
import type { WorkflowRecord } from '../records.js';
import type { Earlier, Entry } from './entry.js';
import type { Kept } from './outcomes.js';

/** A workflow as the journal keeps it; its earlier versions are records of their own, so that a write need not repeat them. */
export interface JournaledWorkflow extends WorkflowRecord {
  readonly about: About;
}

/** One change of one record. A value of undefined removes it. */
export type JournalChange =
  | {
      readonly kind: 'workflow';
      readonly tenant: string;
      readonly id: string;
      readonly value: JournaledWorkflow | undefined;
    }
  | {
      readonly kind: 'version';
      readonly tenant: string;
      readonly id: string;
      readonly version: number;
      readonly value: Earlier | undefined;
    }
  | { readonly kind: 'outcome'; readonly tenant: string; readonly key: string; readonly value: Kept | undefined };

/** Where the embedded engine keeps its state over a restart. */
export interface Journal {
  /** Everything in it, workflows before their versions. */
  read(): Iterable<JournalChange>;
  /** Settles when all changes are on the disk; when it rejects, none of them is. */
  write(changes: readonly JournalChange[]): Promise<void>;
  close(): Promise<void>;
}

/** From one entry to the next, as records: the workflow, the version that went into its history, and those that fell out of it. */
export function changesOf(
  tenant: string,
  id: string,
  old: Entry | undefined,
  next: Entry | undefined,
): JournalChange[] {
  const changes: JournalChange[] = [{ kind: 'workflow', tenant, id, value: next && journaled(next) }];
  const isSameLife = old?.incarnation === next?.incarnation;
  const kept = new Set(next?.history);
  for (const { version } of (old?.history ?? []).filter((earlier) => !kept.has(earlier))) {
    changes.push({ kind: 'version', tenant, id, version, value: undefined });
  }
  const known = new Set(isSameLife ? old?.history : []);
  for (const earlier of (next?.history ?? []).filter((candidate) => !known.has(candidate))) {
    changes.push({ kind: 'version', tenant, id, version: earlier.version, value: earlier });
  }
  return changes;
}

function journaled({
  id,
  incarnation,
  version,
  createdAtMs,
  updatedAtMs,
  deadlineMs,
  state,
  about,
}: Entry): JournaledWorkflow {
  return { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, state, about };
}
