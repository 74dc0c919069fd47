/** Something that happened. `workflowId` and `version` are there for workflows, `taskId` and `queue` for tasks, `channel` for messages. */
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
}

/** Which events; every member given must hold. */
export interface EventFilter {
  readonly workflow?: string | undefined;
  readonly idPrefix?: string | undefined;
  /** One type, or all that begin alike: `workflow.*` */
  readonly type?: string | undefined;
  readonly channel?: string | undefined;
}

export interface EventPage {
  readonly events: readonly FeedEvent[];
  /** Pass it as `since` to go on from here. */
  readonly next: string;
}
