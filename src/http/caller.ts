import type { FastifyRequest } from 'fastify';
import type { Rate } from '../engine/bucket.js';
import { isWorkflowId, RESERVED_ID, WORKFLOW_ID_RULE } from '../engine/names.js';
import { InvalidHeaderError, InvalidIdError } from './http-errors.js';

/** Caller of a request, and what it may do. Admission sets it before any other part of the request is read. */
export interface Caller {
  readonly tenant: string;
  /** Author in the history: name of the key, or the user. */
  readonly by: string;
  readonly kind: 'open' | 'operator' | 'key' | 'user';
  /** Bits of src/access/scopes.ts. */
  readonly scopes: number;
  readonly role?: string;
  /** Person for whom the caller acts. */
  readonly user?: string;
  readonly keyId?: string;
  /** Limit of the key, if it has its own. */
  readonly limit?: Rate;
  /** End of the credential. */
  readonly expiresAtMs?: number;
}

const CALLER = Symbol('caller');

type Admitted = FastifyRequest & { [CALLER]?: Caller };

export function setCaller(request: FastifyRequest, caller: Caller): void {
  (request as Admitted)[CALLER] = caller;
}

/** Only for routes that are not public. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = (request as Admitted)[CALLER];
  if (caller === undefined) throw new Error('A public route has no caller');
  return caller;
}

/** Undefined for a request to a public route, and for one that was not admitted. */
export function tenantOf(request: FastifyRequest): string | undefined {
  return (request as Admitted)[CALLER]?.tenant;
}

/** Must run before keys are built from an id. */
export function checkedId(id: string): string {
  if (isWorkflowId(id)) return id;
  throw new InvalidIdError(
    RESERVED_ID.test(id) ? `"${id}" has another meaning in a URL, so it cannot be an id` : `An id ${WORKFLOW_ID_RULE}`,
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
