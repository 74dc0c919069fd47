import { isName, isTaskId, isWorkflowId } from '../engine/names.js';
import type { FeedFilter } from './feed-filter.js';

export type ClientMessage =
  | { readonly type: 'subscribe'; readonly channel: string; readonly filter: FeedFilter; readonly since?: string }
  | { readonly type: 'unsubscribe'; readonly channel: string }
  | { readonly type: 'ping' };

/** What a client did wrong, as it is told. */
export interface Refusal {
  readonly code: 'INVALID_MESSAGE' | 'INVALID_CHANNEL';
  readonly message: string;
}

const LONGEST_SINCE = 100;

/** Reads what a client sent. Members that nobody knows are let pass: clients of older routers send some. */
export function readMessage(text: string): ClientMessage | Refusal {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return { code: 'INVALID_MESSAGE', message: 'not JSON' };
  }
  if (typeof given !== 'object' || given === null) return { code: 'INVALID_MESSAGE', message: 'must be a JSON object' };
  const { type, channel, since } = given as Readonly<Record<string, unknown>>;
  if (type === 'ping') return { type };
  if (type !== 'subscribe' && type !== 'unsubscribe') {
    return { code: 'INVALID_MESSAGE', message: 'type must be subscribe, unsubscribe or ping' };
  }
  const filter = typeof channel === 'string' ? filterOf(channel) : undefined;
  if (typeof channel !== 'string' || filter === undefined) {
    return {
      code: 'INVALID_CHANNEL',
      message: 'channel must be the name of a channel, workflow:<id>, task:<id> or workflows',
    };
  }
  if (type === 'unsubscribe') return { type, channel };
  if (since === undefined || since === null) return { type, channel, filter };
  if (typeof since !== 'string' || since.length > LONGEST_SINCE) {
    return { code: 'INVALID_MESSAGE', message: 'since must be the id of an event, or 0' };
  }
  return { type, channel, filter, since };
}

/**
 * Anybody may publish to a channel that is named like a workflow or a task (`task:routing` is one by tradition). So such a name is
 * both: what happens to the workflow or task, and the messages of that channel.
 */
function filterOf(channel: string): FeedFilter | undefined {
  const orChannel = isName(channel) ? { orChannel: channel } : {};
  if (channel === 'workflows') return { onlyWorkflows: true, ...orChannel };
  const [, kind, id = ''] = /^(workflow|task):(.*)$/s.exec(channel) ?? [];
  if (kind === 'workflow' && isWorkflowId(id)) return { workflow: id, ...orChannel };
  if (kind === 'task' && isTaskId(id)) return { task: id, ...orChannel };
  return isName(channel) ? { channel } : undefined;
}
