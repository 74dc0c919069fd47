import type { FastifyRequest } from 'fastify';
import { isIdPrefix, isName, isWorkflowId, NAME_RULE, WORKFLOW_ID_RULE } from '../engine/names.js';
import { InvalidQueryError } from '../http/http-errors.js';
import { Query } from '../http/query.js';
import type { FeedFilter } from './feed-filter.js';

const LONGEST_WAIT_S = 60;
const MOST_EVENTS = 1000;
const USUAL_EVENTS = 100;
const LONGEST_TYPE = 128;

export interface FeedQuery {
  readonly filter: FeedFilter;
  readonly since: string | undefined;
  readonly limit: number;
  /** Undefined when it was not asked for. */
  readonly waitMs: number | undefined;
}

/** @throws InvalidQueryError */
export function readFeedQuery(request: FastifyRequest, workflow?: string): FeedQuery {
  const filters = workflow === undefined ? ['workflow', 'idPrefix', 'type', 'channel'] : ['type'];
  const query = new Query(request, ['since', 'wait', 'limit', ...filters]);
  const checked = (name: string, accepts: (text: string) => boolean, says: string) => {
    const text = query.text(name);
    if (text !== undefined && !accepts(text)) throw InvalidQueryError.of(name, says);
    return text;
  };
  const members = {
    workflow: workflow ?? checked('workflow', isWorkflowId, WORKFLOW_ID_RULE),
    idPrefix: checked('idPrefix', isIdPrefix, WORKFLOW_ID_RULE),
    channel: checked('channel', isName, NAME_RULE),
    type: checked(
      'type',
      ({ length }) => length >= 1 && length <= LONGEST_TYPE,
      `must be 1 to ${LONGEST_TYPE} characters`,
    ),
  };
  const wait = query.integer('wait', { min: 0, max: LONGEST_WAIT_S });
  return {
    filter: Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)),
    // A browser that comes back uses the address it had, and says in the header how far it has come since.
    since: lastEventIdOf(request) ?? (query.text('since') || undefined),
    limit: query.integer('limit', { min: 1, max: MOST_EVENTS }) ?? USUAL_EVENTS,
    waitMs: wait === undefined ? undefined : wait * 1000,
  };
}

/** Given by a browser that comes back by itself. */
function lastEventIdOf({ headers }: FastifyRequest): string | undefined {
  const given = headers['last-event-id'];
  return given === undefined || given === '' ? undefined : String(given);
}
