import { Controller, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Engine } from '../engine/engine.js';
import type { Caller } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { answer, FromBody, FromCaller, FromPath, Route } from '../http/route.js';
import { sized } from '../http/sized.js';
import { ChannelPath, MAX_MESSAGE_BYTES, NewMessage, PublishedMessage } from './feed.dto.js';

/** Publishes messages to the subscribers of a channel on all replicas. */
@ApiTags('feed')
@Controller('v1/channels')
export class ChannelsController {
  constructor(
    private readonly engine: Engine,
    private readonly idempotency: Idempotency,
  ) {}

  @Post(':channel/messages')
  @Route({
    id: 'publishMessage',
    summary: 'Publish a message to all listeners of a channel',
    once: true,
    answers: { 202: { says: 'The message is in the feed', body: PublishedMessage, headers: ['Idempotency-Replayed'] } },
  })
  async publish(
    @FromPath(ChannelPath) { channel }: ChannelPath,
    @FromBody(NewMessage) { type, payload = 'null' }: NewMessage,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const message = { channel, type, payload: sized(payload, MAX_MESSAGE_BYTES) };
    const { eventIds, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.engine.commit(tenant, { once, publish: [message] }),
    );
    return answer(202, { eventId: eventIds?.[0] as string }, { replayed });
  }
}
