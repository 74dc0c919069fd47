import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requireScopesThroughout } from '../access/require-scopes.js';
import type { Caller } from '../http/caller.js';
import { refuseKey } from '../http/idempotency.js';
import { answer, FromCaller, FromHeaders, FromPath, FromQuery, Route } from '../http/route.js';
import { Listeners } from '../waiting/listeners.js';
import { RequestLifetime } from '../waiting/request-lifetime.js';
import { EventStates } from './event-states.js';
import { EventStreams } from './event-streams.js';
import { Events, FeedHeaders, FeedQuery, WorkflowEventsPath, WorkflowFeedQuery } from './feed.dto.js';
import { Feeds } from './feeds.js';
import { longPoll } from './long-poll.js';

const EVENTS = {
  answers: {
    200: {
      says: 'Server-Sent Events, each an event as JSON; with `wait` or `Accept: application/json` one JSON answer',
      body: Events,
      types: { 'text/event-stream': { type: 'string' }, 'application/json': Events },
    },
  },
  problems: ['FEED_TRIMMED', 'FEED_RESET', 'TOO_MANY_LISTENERS'],
} as const;

/** The feed: as a stream of Server-Sent Events, or as JSON for long polling. */
@ApiTags('feed')
@Controller('v1')
export class EventsController {
  constructor(
    private readonly feeds: Feeds,
    private readonly states: EventStates,
    private readonly streams: EventStreams,
    private readonly lifetime: RequestLifetime,
    private readonly listeners: Listeners,
  ) {}

  @Get('events')
  @Route({
    id: 'readEvents',
    summary: 'Changes of workflows and tasks, and published messages, as they happen',
    description:
      'One order for all readers. A stream begins with `event: reset` when events may have been missed, and is closed ' +
      'with `event: resync` when its reader is too slow. With `include=state` the scope workflows:read is needed too.',
    ...EVENTS,
  })
  events(
    @FromQuery(FeedQuery) query: FeedQuery,
    @FromHeaders(FeedHeaders) { lastEventId }: FeedHeaders,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    return this.#answer(request, reply, tenant, query, lastEventId);
  }

  @Get('workflows/:id/events')
  @Route({
    id: 'readWorkflowEvents',
    summary: 'Changes of one workflow and its tasks; the workflow need not exist yet',
    ...EVENTS,
  })
  workflowEvents(
    @FromPath(WorkflowEventsPath) { id }: WorkflowEventsPath,
    @FromQuery(WorkflowFeedQuery) query: WorkflowFeedQuery,
    @FromHeaders(FeedHeaders) { lastEventId }: FeedHeaders,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    return this.#answer(request, reply, tenant, { ...query, workflow: id }, lastEventId);
  }

  async #answer(
    request: FastifyRequest,
    reply: FastifyReply,
    tenant: string,
    { since: given, wait, limit, include, ...filter }: FeedQuery,
    lastEventId: string | undefined,
  ) {
    refuseKey(request);
    const withStates = include === 'state';
    if (withStates) requireScopesThroughout(request, ['workflows:read']);
    // A browser may send an empty Last-Event-ID; treat it as absent.
    const since = lastEventId || given || undefined;
    if (wait === undefined && wantsStream(request))
      return this.streams.open(reply, tenant, { filter, since, withStates });
    const poll = { filter, since, limit, waitMs: (wait ?? 0) * 1000 };
    const { events, next } = await this.lifetime.during(request, 0, async (over) => {
      const polled = await longPoll(this.feeds, this.listeners, tenant, poll, over);
      return withStates ? this.states.pageOf(tenant, polled) : polled;
    });
    const texts = events.map(({ json }) => json).join(',');
    return answer(200, { events: `[${texts}]`, next }, { headers: { 'cache-control': 'no-store' } });
  }
}

/** Without an Accept header the answer is a stream; for HEAD it is JSON, since a stream would never end. */
function wantsStream({ method, headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? '*/*';
  return method !== 'HEAD' && (accept.includes('text/event-stream') || !accept.includes('application/json'));
}
