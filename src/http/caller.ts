import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import {
  DEAD_SUFFIX,
  isQueueName,
  isReservedId,
  isTaskId,
  isWorkflowId,
  QUEUE_RULE,
  WORKFLOW_ID_RULE,
} from '../engine/names.js';
import { InvalidHeaderError, InvalidIdError } from './http-errors.js';

/** Tenant and author of a request. Without authentication all requests belong to one tenant. */
export interface Caller {
  readonly tenant: string;
  readonly by: string;
}

const ANONYMOUS: Caller = { tenant: 'default', by: 'anonymous' };

export function callerOf(request: FastifyRequest): Caller {
  return callerOfHeaders(request.headers);
}

/** For connections outside of the framework, such as WebSockets. */
export function callerOfHeaders(_headers: IncomingHttpHeaders): Caller {
  return ANONYMOUS;
}

/** Checked before any key is built from it. */
export function checkedId(id: string): string {
  if (isWorkflowId(id)) return id;
  throw new InvalidIdError(
    isReservedId(id) ? `"${id}" is the name of a route, so it cannot be an id` : `An id ${WORKFLOW_ID_RULE}`,
  );
}

export function workflowIdOf(request: FastifyRequest): string {
  return checkedId((request.params as { id: string }).id);
}

export function queueNameOf(request: FastifyRequest): string {
  return checkedQueue((request.params as { queue: string }).queue);
}

/** For routes on a dead list or on the queue as a whole: `orders.dlq` is `orders`. */
export function queueOfDeadListOf(request: FastifyRequest): string {
  const { queue } = request.params as { queue: string };
  return checkedQueue(queue.endsWith(DEAD_SUFFIX) ? queue.slice(0, -DEAD_SUFFIX.length) : queue);
}

function checkedQueue(queue: string): string {
  if (!isQueueName(queue)) throw new InvalidIdError(`The name of a queue ${QUEUE_RULE}`);
  return queue;
}

export function taskIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isTaskId(id)) throw new InvalidIdError('The id of a task is made like the id of a workflow');
  return id;
}

export const MAX_NOTE_CHARACTERS = 200;

/** The X-Waymark-Note header. Node hands header bytes over as Latin-1; clients send UTF-8. */
export function noteOf({ headers }: FastifyRequest): string | undefined {
  const header = headers['x-waymark-note'];
  if (header === undefined) return undefined;
  const note = Buffer.from(String(header), 'latin1').toString('utf8');
  if (note.length > MAX_NOTE_CHARACTERS)
    throw new InvalidHeaderError('X-Waymark-Note', `must have at most ${MAX_NOTE_CHARACTERS} characters`);
  return note;
}
