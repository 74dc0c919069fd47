import type { Delete, Expect, Once, Put, Touch, Ttl } from '../../../src/engine/commit.js';
import type { Filter, SortKey } from '../../../src/engine/engine.js';

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
}

export type Operation = { readonly tenant: string } & (
  | { readonly do: 'commit'; readonly commit: CommitSpec }
  /** Commits that are all under way at the same time. */
  | { readonly do: 'burst'; readonly commits: readonly CommitSpec[] }
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
  | {
      readonly do: 'listVersions';
      readonly id: string;
      readonly page: { readonly limit: number; readonly before?: number; readonly includeState: boolean };
    }
  | { readonly do: 'findVersion'; readonly id: string; readonly version: number }
  | { readonly do: 'sweep' }
  | { readonly do: 'dump' }
  /** For both engines at once, they share the clock. */
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'reopen' }
);
