import { isName, isTaskId, isWorkflowId } from '../engine/names.js';
import type { FeedFilter } from './feed-filter.js';

export type ClientMessage =
  | { readonly type: 'subscribe'; readonly channel: string; readonly filter: FeedFilter; readonly since?: string }
  | { readonly type: 'unsubscribe'; readonly channel: string }
  | { readonly type: 'auth'; readonly token: string }
  | { readonly type: 'ping' };

/** Answer to an invalid message. */
export interface InvalidMessage {
  readonly code: 'INVALID_MESSAGE' | 'INVALID_CHANNEL';
  readonly message: string;
}

const MAX_SINCE_CHARACTERS = 100;

/** Reads a message of a client. Unknown members are ignored: clients of older routers send some. */
export function readClientMessage(text: string): ClientMessage | InvalidMessage {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return { code: 'INVALID_MESSAGE', message: 'must be JSON' };
  }
  if (typeof given !== 'object' || given === null) return { code: 'INVALID_MESSAGE', message: 'must be a JSON object' };
  const { type, channel, since, token } = given as Readonly<Record<string, unknown>>;
  if (type === 'ping') return { type };
  if (type === 'auth') {
    // The message must not repeat a token.
    return isToken(token) ? { type, token } : { code: 'INVALID_MESSAGE', message: 'token must be a key or a token' };
  }
  if (type !== 'subscribe' && type !== 'unsubscribe') {
    return { code: 'INVALID_MESSAGE', message: 'type must be subscribe, unsubscribe, ping or auth' };
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
  if (typeof since !== 'string' || since.length > MAX_SINCE_CHARACTERS) {
    return { code: 'INVALID_MESSAGE', message: 'since must be the id of an event, or 0' };
  }
  return { type, channel, filter, since };
}

function isToken(token: unknown): token is string {
  return typeof token === 'string' && /^[\x21-\x7e]{1,16384}$/.test(token);
}

/**
 * A channel can have a name like that of a workflow or task (`task:routing` is one). Such a name selects both: the events of the
 * workflow or task, and the messages of the channel.
 */
function filterOf(channel: string): FeedFilter | undefined {
  const orChannel = isName(channel) ? { orChannel: channel } : {};
  if (channel === 'workflows') return { onlyWorkflows: true, ...orChannel };
  const [, kind, id = ''] = /^(workflow|task):(.*)$/s.exec(channel) ?? [];
  if (kind === 'workflow' && isWorkflowId(id)) return { workflow: id, ...orChannel };
  if (kind === 'task' && isTaskId(id)) return { task: id, ...orChannel };
  return isName(channel) ? { channel } : undefined;
}
