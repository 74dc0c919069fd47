import { RawJson, Text } from '../http/shapes/fields.js';
import { Name } from '../http/shapes/names.js';

const MAX_TYPE_LENGTH = 128;
/** The feed keeps many messages and sends each to every listener; larger data belongs in a workflow. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

export class NewMessage {
  @Text({
    min: 1,
    max: MAX_TYPE_LENGTH,
    says: `must be 1 to ${MAX_TYPE_LENGTH} characters`,
    example: 'routing_decision',
  })
  type!: string;
  @RawJson({ optional: true, about: 'At most 64 KiB; null when absent', example: { agent: 'claude' } })
  payload?: string;
}

/** A message that names its channel. */
export class ChannelMessage extends NewMessage {
  @Name({ example: 'task:routing' }) channel!: string;
}
