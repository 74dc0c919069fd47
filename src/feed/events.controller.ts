import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, workflowIdOf } from '../http/caller.js';
import { refuseKey } from '../http/idempotency.js';
import { sendJson } from '../http/send-json.js';
import { RequestLifetime } from '../waiting/request-lifetime.js';
import { EventStreams } from './event-streams.js';
import { readFeedQuery, type FeedQuery } from './feed-query.js';
import { Feeds } from './feeds.js';
import * as describe from './feed.openapi.js';
import { longPoll } from './long-poll.js';

/** The feed as Server-Sent Events, or as JSON by long polling. */
@describe.feed()
@Controller('v1')
export class EventsController {
  constructor(
    private readonly feeds: Feeds,
    private readonly streams: EventStreams,
    private readonly lifetime: RequestLifetime,
  ) {}

  @describe.events()
  @Get('events')
  events(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply, readFeedQuery(request));
  }

  @describe.workflowEvents()
  @Get('workflows/:id/events')
  workflowEvents(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply, readFeedQuery(request, workflowIdOf(request)));
  }

  async #answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { filter, since, limit, waitMs }: FeedQuery,
  ): Promise<void> {
    refuseKey(request);
    const { tenant } = callerOf(request);
    if (waitMs === undefined && wantsStream(request)) return this.streams.open(reply, tenant, filter, since);
    const poll = { filter, since, limit, waitMs: waitMs ?? 0 };
    const { events, next } = await this.lifetime.during(request, (over) => longPoll(this.feeds, tenant, poll, over));
    reply.header('cache-control', 'no-store');
    const texts = events.map(({ json }) => json).join(',');
    sendJson(reply, 200, `{"events":[${texts}],"next":${JSON.stringify(next)}}`);
  }
}

/** A stream is the default; a HEAD request gets none, because it would never end. */
function wantsStream({ method, headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? '*/*';
  return method !== 'HEAD' && (accept.includes('text/event-stream') || !accept.includes('application/json'));
}
