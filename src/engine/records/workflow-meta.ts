/**
 * What is known of a workflow apart from its state. `incarnation` is new each time the id is created and `version` grows
 * by exactly 1 per write, so the pair names one state for ever.
 */
export interface WorkflowMeta {
  readonly id: string;
  readonly incarnation: string;
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** When the workflow and everything that belongs to it ends; null is never. */
  readonly deadlineMs: number | null;
}

/** The meta alone, of a record that has more. */
export function pickMeta(record: WorkflowMeta): WorkflowMeta {
  const { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs } = record;
  return { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs };
}

/** A workflow as it is stored. `state` is JSON text, exactly as the client wrote it. */
export interface WorkflowRecord extends WorkflowMeta {
  readonly state: string;
  /** The store is away: this is how the replica saw it last, and it may have changed since. */
  readonly isHeldCopy?: true;
}

export const CAUSES = [
  'put',
  'patch',
  'status',
  'section',
  'log',
  'exhibit',
  'commit',
  'restore',
  'fork',
  'import',
  'adopt',
] as const;
export type Cause = (typeof CAUSES)[number];

/** Who wrote a version and why; kept with the version in the history. */
export interface About {
  readonly by: string;
  readonly cause: Cause;
  readonly note?: string;
  readonly taskId?: string;
  /** Up to 20 JSON Pointers where the writer knows them, else null. */
  readonly changed: readonly string[] | null;
}

/** One version as it was, or the current one. */
export interface VersionRecord extends WorkflowMeta {
  readonly about: About;
  /** Size of the state in UTF-8 bytes. */
  readonly bytes: number;
  /** Absent when a page was asked for without states. */
  readonly state?: string;
}

export function etagOf(meta: Pick<WorkflowMeta, 'incarnation' | 'version'>): string {
  return `"${meta.incarnation}-${meta.version}"`;
}
