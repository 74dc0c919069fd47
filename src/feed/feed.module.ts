import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { WaitingModule } from '../waiting/waiting.module.js';
import { AsyncApiController } from './asyncapi.controller.js';
import { ChannelsController } from './channels.controller.js';
import { ExamplesController } from './examples.controller.js';
import { EventStates } from './event-states.js';
import { EventStreams } from './event-streams.js';
import { EventsController } from './events.controller.js';
import { FeedMetrics } from './feed-metrics.js';
import { Feeds } from './feeds.js';
import { WebSockets } from './web-sockets.js';

@Module({
  imports: [HttpModule, WaitingModule],
  controllers: [EventsController, ChannelsController, AsyncApiController, ExamplesController],
  providers: [Feeds, FeedMetrics, EventStates, EventStreams, WebSockets],
  exports: [Feeds],
})
export class FeedModule {}
