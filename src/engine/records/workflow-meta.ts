/**
 * A workflow without its state. Each creation of the id has a new `incarnation`; each write adds 1 to `version`.
 * A store that lost its newest writes gives their numbers out again; `check` tells such versions apart. So the three
 * name one state forever.
 */
export interface WorkflowMeta {
  readonly id: string;
  readonly incarnation: string;
  readonly version: number;
  /** See checkOf. Empty for a version that was written before there were checks, or adopted as the first one. */
  readonly check: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Expiry of the workflow with everything that belongs to it; null is never. */
  readonly deadlineMs: number | null;
}

/** Copies only the meta of a larger record. */
export function pickMeta(record: WorkflowMeta): WorkflowMeta {
  const { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs } = record;
  return { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs };
}

/** The meta as it is stored. */
export interface StoredMeta extends WorkflowMeta {
  /**
   * Time to live of the last write; null is never.
   * A workflow with a time to live and no deadline is held by open tasks: its time starts when the last of them ends.
   */
  readonly ttlMs: number | null;
}

/** A new record. No spread: V8 is many times slower with a member after a spread. */
export function recordOf(meta: WorkflowMeta, state: string): WorkflowRecord {
  const { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs } = meta;
  return { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs, state };
}

/** A workflow as it is stored. `state` is JSON text, exactly as the client wrote it. */
export interface WorkflowRecord extends WorkflowMeta {
  readonly state: string;
  /** A held copy, which may be outdated, because the store is unreachable. */
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

/** Author and cause of a version, kept with it in the history. */
export interface About {
  readonly by: string;
  readonly cause: Cause;
  readonly note?: string;
  readonly taskId?: string;
  /** At most 20 JSON Pointers; null if the writer does not know them. */
  readonly changed: readonly string[] | null;
}

/** A complete version, with its state in the form that a store or a file needs. */
export interface WholeVersion<State> {
  readonly version: number;
  readonly check: string;
  readonly updatedAtMs: number;
  /** The last deadline of this version, touches included. */
  readonly deadlineMs: number | null;
  readonly about: About;
  readonly state: State;
}

/** The version with another form of its state. No spread: each spread object would get a hidden class of its own. */
export function withState<State>(from: WholeVersion<unknown>, state: State): WholeVersion<State> {
  const { version, check, updatedAtMs, deadlineMs, about } = from;
  return { version, check, updatedAtMs, deadlineMs, about, state };
}

/** An earlier version, or the current one. */
export interface VersionRecord extends WorkflowMeta {
  readonly about: About;
  /** Size of the state in UTF-8 bytes. */
  readonly bytes: number;
  /** Absent when a page was asked for without states. */
  readonly state?: string;
}

/** Records in journals and outcomes that were written before there were checks have none. */
export interface VersionName {
  readonly version: number;
  readonly check?: string | undefined;
}

/**
 * Name of a version within its incarnation: "7.k3f9x", or "7" without a check. Same as version_name in
 * src/engine/redis/scripts/workflows/modules/workflows.lua.
 */
export function versionNameOf({ version, check = '' }: VersionName): string {
  return check === '' ? String(version) : `${version}.${check}`;
}

/** The reverse of `versionNameOf`. */
export function versionNamed(name: string): { readonly version: number; readonly check: string } {
  const end = name.indexOf('.');
  return end < 0
    ? { version: Number(name), check: '' }
    : { version: Number(name.slice(0, end)), check: name.slice(end + 1) };
}

export function etagOf(meta: VersionName & Pick<WorkflowMeta, 'incarnation'>): string {
  return `"${meta.incarnation}-${versionNameOf(meta)}"`;
}

/** Fields of an event about a version. */
export function versionFields({
  version,
  check,
  incarnation,
}: Pick<WorkflowMeta, 'version' | 'check' | 'incarnation'>) {
  return { version: String(version), inc: incarnation, ...(check !== '' && { check }) };
}
