import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { InvalidHeaderError, InvalidIdError } from './http-errors.js';

/** On whose behalf a request runs. With authentication off everybody is the one tenant. */
export interface Caller {
  readonly tenant: string;
  readonly by: string;
}

const ANYBODY: Caller = { tenant: 'default', by: 'anonymous' };

export function callerOf(request: FastifyRequest): Caller {
  return callerOfHeaders(request.headers);
}

/** For connections that are no requests of the framework's. */
export function callerOfHeaders(_headers: IncomingHttpHeaders): Caller {
  return ANYBODY;
}

const WORKFLOW_ID = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,199}$/;
/** GET /v1/workflows/count is the count of workflows, so no workflow can have this id and be read. */
const RESERVED_IDS: readonly string[] = ['count'];

export const WORKFLOW_ID_RULE = 'must be 1 to 200 characters of A-Z a-z 0-9 . _ : - @ ~ + and not start with a dot';

export function isWorkflowId(id: string): boolean {
  return WORKFLOW_ID.test(id) && !RESERVED_IDS.includes(id);
}

/** Checked before any key is built from it. */
export function checkedId(id: string): string {
  if (!WORKFLOW_ID.test(id)) throw new InvalidIdError(`An id ${WORKFLOW_ID_RULE}`);
  if (RESERVED_IDS.includes(id)) throw new InvalidIdError(`"${id}" is the name of a route, so it cannot be an id`);
  return id;
}

export function isIdPrefix(text: string): boolean {
  return WORKFLOW_ID.test(text);
}

export function workflowIdOf(request: FastifyRequest): string {
  return checkedId((request.params as { id: string }).id);
}

const NAME = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,127}$/;

/** Of queues, channels and workers. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

export const NAME_RULE = 'must be 1 to 128 characters of A-Z a-z 0-9 . _ : - @ ~ + and not start with a dot';

const DEAD_SUFFIX = '.dlq';

export function isQueueName(text: string): boolean {
  return isName(text) && !text.endsWith(DEAD_SUFFIX);
}

export const QUEUE_RULE = `${NAME_RULE}; a name that ends in ${DEAD_SUFFIX} means the dead list of a queue`;

export function queueNameOf(request: FastifyRequest): string {
  return checkedQueue((request.params as { queue: string }).queue);
}

/** Where only the dead list can be meant, or the queue as a whole, `orders.dlq` is `orders`. */
export function queueOfDeadListOf(request: FastifyRequest): string {
  const { queue } = request.params as { queue: string };
  return checkedQueue(queue.endsWith(DEAD_SUFFIX) ? queue.slice(0, -DEAD_SUFFIX.length) : queue);
}

function checkedQueue(queue: string): string {
  if (!isQueueName(queue)) throw new InvalidIdError(`The name of a queue ${QUEUE_RULE}`);
  return queue;
}

/** Ids of tasks are like those of workflows; no route stands in their way. */
export function isTaskId(text: string): boolean {
  return WORKFLOW_ID.test(text);
}

export function taskIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isTaskId(id)) throw new InvalidIdError('The id of a task is made like the id of a workflow');
  return id;
}

const LONGEST_NOTE = 200;

/** The X-Waymark-Note header. Node hands header bytes over as Latin-1; clients send UTF-8. */
export function noteOf({ headers }: FastifyRequest): string | undefined {
  const header = headers['x-waymark-note'];
  if (header === undefined) return undefined;
  const note = Buffer.from(String(header), 'latin1').toString('utf8');
  if (note.length > LONGEST_NOTE)
    throw new InvalidHeaderError('X-Waymark-Note', `must have at most ${LONGEST_NOTE} characters`);
  return note;
}
