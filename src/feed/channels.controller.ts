import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Engine } from '../engine/engine.js';
import { readMessage } from './message.js';
import { isName, NAME_RULE } from '../engine/names.js';
import { callerOf } from '../http/caller.js';
import { InvalidIdError } from '../http/http-errors.js';
import { Idempotency } from '../http/idempotency.js';
import { ObjectReader } from '../http/object-reader.js';
import { refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import * as describe from './feed.openapi.js';

/** Publishes messages to the subscribers of a channel on all replicas. */
@describe.feed()
@Controller('v1/channels')
export class ChannelsController {
  constructor(
    private readonly engine: Engine,
    private readonly idempotency: Idempotency,
  ) {}

  @describe.publish()
  @Post(':channel/messages')
  async publish(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { tenant } = callerOf(request);
    const { channel } = request.params as { channel: string };
    if (!isName(channel)) throw new InvalidIdError(`The name of a channel ${NAME_RULE}`);
    const message = ObjectReader.read(request, (body) => readMessage(body, channel));
    const outcome = await this.idempotency.run(request, tenant, ({ once }) =>
      this.engine.commit(tenant, { once, publish: [message] }),
    );
    if (outcome.replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, 202, JSON.stringify({ eventId: outcome.eventIds?.[0] }));
  }
}
