import type { BoardChange } from '../../../src/engine/board.js';
import type { Delete, Expect, Once, Put, Touch, Ttl } from '../../../src/engine/commit.js';
import type { Filter, SortKey, VersionQuery } from '../../../src/engine/engine.js';
import type { DeadSelection } from '../../../src/engine/task-queues.js';
import type { Ack, Claim, Message, NewTask, TaskStep } from '../../../src/engine/task.js';

/** Edits as data, so that a failing operation can be printed and read. */
export type EditSpec =
  | { readonly edit: 'merge'; readonly patch: unknown }
  | { readonly edit: 'json-patch'; readonly operations: readonly unknown[] }
  | { readonly edit: 'append'; readonly list: string; readonly item: unknown }
  | { readonly edit: 'increment' }
  | { readonly edit: 'stamp' }
  | { readonly edit: 'replace'; readonly text: string }
  | { readonly edit: 'fail'; readonly message: string };

export interface PatchSpec {
  readonly id: string;
  readonly expect?: Expect;
  readonly edit: EditSpec;
  readonly ttl: Ttl;
  readonly by: string;
  readonly note?: string;
}

export interface CommitSpec {
  readonly once: Once;
  readonly puts?: readonly Put[];
  readonly patches?: readonly PatchSpec[];
  readonly deletes?: readonly Delete[];
  readonly touches?: readonly Touch[];
  readonly ack?: Ack;
  readonly enqueue?: readonly NewTask[];
  readonly publish?: readonly Message[];
  readonly cancelTasksOf?: readonly string[];
  readonly claim?: Claim;
  readonly board?: BoardChange;
}

export type Operation = { readonly tenant: string } & (
  | { readonly do: 'commit'; readonly commit: CommitSpec }
  /** Concurrent commits. */
  | { readonly do: 'burst'; readonly commits: readonly CommitSpec[] }
  /** Operations on tasks. The reference runs one after the other, the other engine all at the same time: on Redis they share a call. */
  | { readonly do: 'together'; readonly operations: readonly Operation[] }
  | { readonly do: 'findOutcome'; readonly key: string; readonly fingerprint: string }
  | { readonly do: 'find'; readonly id: string }
  | { readonly do: 'findMany'; readonly ids: readonly string[] }
  | {
      readonly do: 'list';
      readonly filter: Filter;
      readonly sort: SortKey;
      readonly limit: number;
      readonly includeState: boolean;
    }
  | { readonly do: 'count'; readonly filter: Filter }
  | { readonly do: 'listVersions'; readonly id: string; readonly query: VersionQuery }
  | { readonly do: 'findVersion'; readonly id: string; readonly version: number }
  | { readonly do: 'claim'; readonly claim: Claim; readonly key: string }
  | { readonly do: 'step'; readonly step: TaskStep; readonly once: Once }
  | { readonly do: 'findTask'; readonly id: string }
  | { readonly do: 'tasksOf'; readonly workflowId: string }
  | { readonly do: 'dead'; readonly queue: string }
  | {
      readonly do: 'replayDead';
      readonly queue: string;
      readonly which: DeadSelection;
      readonly options: { readonly resetAttempts: boolean; readonly spreadMs: number };
      readonly once: Once;
    }
  | { readonly do: 'purgeDead'; readonly queue: string; readonly which: DeadSelection; readonly once: Once }
  | { readonly do: 'pause'; readonly queue: string; readonly isPaused: boolean }
  | { readonly do: 'queue'; readonly queue: string }
  | { readonly do: 'progress'; readonly id: string; readonly after: number; readonly limit: number }
  | { readonly do: 'sweep' }
  /** Everything readable of the tenant and these tasks. */
  | { readonly do: 'dump'; readonly tasks: readonly string[] }
  /** Events since the last comparison, on both engines. */
  | { readonly do: 'feed' }
  /** The clock is the same for both engines. */
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'reopen' }
);
