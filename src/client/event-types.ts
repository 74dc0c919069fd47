/** An event of a workflow (`workflowId`, `version`, `etag`), a task (`taskId`, `queue`) or a message (`channel`). */
export interface FeedEvent {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly workflowId?: string;
  readonly version?: number;
  readonly etag?: string;
  readonly taskId?: string;
  readonly queue?: string;
  readonly channel?: string;
  readonly payload?: unknown;
  /** With `include: 'state'`: the state of this version, as it was. */
  readonly state?: unknown;
  /** With `include: 'state'`: this version is not kept any more. */
  readonly stateMissing?: true;
}

/** Selects events that match every given member. */
export interface EventFilter {
  readonly workflow?: string | undefined;
  readonly idPrefix?: string | undefined;
  /** One type, or a prefix: `workflow.*` */
  readonly type?: string | undefined;
  readonly channel?: string | undefined;
}

export interface EventPage {
  readonly events: readonly FeedEvent[];
  /** Pass this as `since` to continue. */
  readonly next: string;
}
