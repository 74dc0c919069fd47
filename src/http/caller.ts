import type { FastifyRequest } from 'fastify';
import { InvalidHeaderError, InvalidIdError } from './http-errors.js';

/** On whose behalf a request runs. With authentication off everybody is the one tenant. */
export interface Caller {
  readonly tenant: string;
  readonly by: string;
}

const ANYBODY: Caller = { tenant: 'default', by: 'anonymous' };

export function callerOf(_request: FastifyRequest): Caller {
  return ANYBODY;
}

const WORKFLOW_ID = /^[A-Za-z0-9_:\-@~+][A-Za-z0-9._:\-@~+]{0,199}$/;
/** GET /v1/workflows/count is the count of workflows, so no workflow can have this id and be read. */
const RESERVED_IDS: readonly string[] = ['count'];

/** Checked before any key is built from it. */
export function checkedId(id: string): string {
  if (!WORKFLOW_ID.test(id)) {
    throw new InvalidIdError('An id is 1 to 200 characters of A-Z a-z 0-9 . _ : - @ ~ + and does not start with a dot');
  }
  if (RESERVED_IDS.includes(id)) throw new InvalidIdError(`"${id}" is the name of a route, so it cannot be an id`);
  return id;
}

export function isIdPrefix(text: string): boolean {
  return WORKFLOW_ID.test(text);
}

export function workflowIdOf(request: FastifyRequest): string {
  return checkedId((request.params as { id: string }).id);
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
