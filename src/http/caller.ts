import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { isReservedId, isWorkflowId, WORKFLOW_ID_RULE } from '../engine/names.js';
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

/** For connections outside the framework, such as WebSockets. */
export function callerOfHeaders(_headers: IncomingHttpHeaders): Caller {
  return ANONYMOUS;
}

/** Must run before keys are built from an id. */
export function checkedId(id: string): string {
  if (isWorkflowId(id)) return id;
  throw new InvalidIdError(
    isReservedId(id) ? `"${id}" is the name of a route, so it cannot be an id` : `An id ${WORKFLOW_ID_RULE}`,
  );
}

export const MAX_NOTE_CHARACTERS = 200;

/** X-Waymark-Note header. Node decodes headers as Latin-1; clients send UTF-8. */
export function noteOf({ headers }: FastifyRequest): string | undefined {
  const header = headers['x-waymark-note'];
  if (header === undefined) return undefined;
  const note = Buffer.from(String(header), 'latin1').toString('utf8');
  if (note.length > MAX_NOTE_CHARACTERS)
    throw new InvalidHeaderError('X-Waymark-Note', `must have at most ${MAX_NOTE_CHARACTERS} characters`);
  return note;
}
