import type { Message } from '../engine/task.js';
import { isName, NAME_RULE } from '../http/caller.js';
import type { ObjectReader } from '../http/object-reader.js';
import { sized } from '../tasks/new-task.js';

const LONGEST_TYPE = 128;
/** The feed keeps very many of them, and each goes to every listener; what is larger belongs into a workflow. */
export const LARGEST_MESSAGE = 64 * 1024;

/** A message as a commit or a route takes it; the payload stays the text it is. */
export function readMessage(part: ObjectReader, channel?: string): Message {
  return {
    channel: channel ?? part.stringRequired('channel', NAME_RULE, isName),
    type: part.stringRequired('type', `must be 1 to ${LONGEST_TYPE} characters`, isType),
    payload: sized(part.raw('payload') ?? 'null', LARGEST_MESSAGE),
  };
}

function isType(text: string): boolean {
  return text.length >= 1 && text.length <= LONGEST_TYPE;
}
