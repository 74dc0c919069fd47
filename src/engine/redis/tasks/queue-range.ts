import { LAST_ID } from '../../page.js';
import type { QueueQuery } from '../../task-queues.js';

/** A page of names for queue-names.lua. */
export function queueRange({ prefix, after = '', limit }: QueueQuery): object {
  const isInside = after !== '' && after >= prefix;
  return { first: isInside ? `(${after}` : `[${prefix}`, last: prefix === '' ? '+' : `(${prefix}${LAST_ID}`, limit };
}
