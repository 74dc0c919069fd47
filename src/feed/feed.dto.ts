import { Flag, Integer, OneOf, RawJson, RawListOf, Text, Time } from '../http/shapes/fields.js';
import { IdPrefix, Name, QueueName, TaskId, WorkflowId } from '../http/shapes/names.js';

const MAX_WAIT_S = 60;
const MAX_EVENTS = 1000;
const MAX_TYPE_CHARACTERS = 128;
/** The feed keeps many messages and sends each to every listener; larger data belongs in a workflow. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

export class ChannelPath {
  @Name({ about: 'Name of a channel', example: 'task:routing' }) channel!: string;
}

export class WorkflowEventsPath {
  @WorkflowId({ about: 'Id of a workflow' }) id!: string;
}

const aType = { min: 1, max: MAX_TYPE_CHARACTERS, says: `must be 1 to ${MAX_TYPE_CHARACTERS} characters` };

export class NewMessage {
  @Text({ ...aType, example: 'routing_decision' }) type!: string;
  @RawJson({ optional: true, about: 'At most 64 KiB; null when absent', example: { agent: 'claude' } })
  payload?: string;
}

/** A message that names its channel. */
export class ChannelMessage extends NewMessage {
  @Name({ example: 'task:routing' }) channel!: string;
}

export class PublishedMessage {
  @Text() eventId!: string;
}

export class WorkflowFeedQuery {
  @Text({ optional: true, about: 'Events after this id; `0` for all that are kept; absent: only new events' })
  since?: string;
  @Integer({
    min: 0,
    max: MAX_WAIT_S,
    optional: true,
    about: 'Answer in JSON; without events, wait up to this many seconds for the next ones',
  })
  wait?: number;
  @Integer({
    min: 1,
    max: MAX_EVENTS,
    default: 100,
    about: 'Maximum number of events in a JSON answer, which also ends at 8 MiB',
  })
  limit!: number;
  @Text({ ...aType, optional: true, about: 'One type; with a final `*` every type with this prefix: `workflow.*`' })
  type?: string;
  @OneOf(['state'], {
    optional: true,
    about:
      'With the state of each version that an event is about, as it was; needs `workflows:read` too. A JSON answer then ' +
      'ends before 8 MiB, and `next` goes on from there',
  })
  include?: 'state';
}

export class FeedQuery extends WorkflowFeedQuery {
  @WorkflowId({ optional: true, about: 'Events of this workflow and its tasks' }) workflow?: string;
  @IdPrefix({ optional: true, about: 'Events of workflows whose id starts with this' }) idPrefix?: string;
  @Name({ optional: true, about: 'Messages of this channel' }) channel?: string;
}

export class FeedHeaders {
  @Text({ as: 'Last-Event-ID', optional: true, about: 'Last event that was read; takes precedence over `since`' })
  lastEventId?: string;
}

class EventId {
  @Text({ about: 'Position in the feed' }) id!: string;
}

export class MessageEvent extends EventId {
  @Text() type!: string;
  @Time({ as: 'at' }) atMs!: number;
  @Name() channel!: string;
  @RawJson() payload!: string;
}

const WORKFLOW_EVENTS = ['created', 'updated', 'restored', 'deleted', 'expired', 'adopted', 'conflict'] as const;

export class WorkflowEvent extends EventId {
  @OneOf(WORKFLOW_EVENTS.map((what) => `workflow.${what}` as const)) type!: string;
  @Time({ as: 'at' }) atMs!: number;
  @WorkflowId() workflowId!: string;
  @Integer({ min: 1, optional: true, about: 'Absent when the workflow has expired' }) version?: number | undefined;
  @Text({ optional: true }) etag?: string | undefined;
  @RawJson({
    optional: true,
    about: 'With `include=state`: the state of this version; absent when the event is not about a new version',
    example: { status: 'generating' },
  })
  state?: string | undefined;
  @Flag({
    optional: true,
    about: 'With `include=state`: `true` when this version is not kept any more, so there is no `state`',
  })
  stateMissing?: boolean | undefined;
}

export class TaskTransition extends EventId {
  @Text({ pattern: /^task\./ }) type!: string;
  @Time({ as: 'at' }) atMs!: number;
  @TaskId() taskId!: string;
  @QueueName() queue!: string;
  @WorkflowId({ optional: true }) workflowId?: string | undefined;
}

export class Events {
  @RawListOf(() => [MessageEvent, WorkflowEvent, TaskTransition]) events!: string;
  @Text({ about: '`since` of the next request' }) next!: string;
}

/** An event as a WebSocket frame has it; docs/asyncapi.yaml describes it. */
export class SocketEvent {
  @Text() type!: string;
  @RawJson() payload!: string;
  @Text() id!: string;
  @Time({ as: 'at' }) atMs!: number;
  @Name({ optional: true }) channel?: string | undefined;
}
