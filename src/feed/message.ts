import type { Message } from '../engine/task.js';
import { isName, NAME_RULE } from '../engine/names.js';
import type { ObjectReader } from '../http/object-reader.js';
import { sized } from '../http/sized.js';

const MAX_TYPE_CHARACTERS = 128;
/** The feed keeps many messages and sends each to every listener; larger data belongs in a workflow. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** Reads a message of a commit or of a publish request; the payload stays raw text. */
export function readMessage(part: ObjectReader, channel?: string): Message {
  return {
    channel: channel ?? part.stringRequired('channel', NAME_RULE, isName),
    type: part.stringRequired('type', `must be 1 to ${MAX_TYPE_CHARACTERS} characters`, isType),
    payload: sized(part.raw('payload') ?? 'null', MAX_MESSAGE_BYTES),
  };
}

function isType(text: string): boolean {
  return text.length >= 1 && text.length <= MAX_TYPE_CHARACTERS;
}
