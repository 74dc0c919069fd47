import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { FeedModule } from '../feed/feed.module.js';
import { HealthController } from './health.controller.js';
import { ProcessHealth } from './process.health.js';
import { StorageHealth } from './storage.health.js';

@Module({
  // Without logger: Terminus would log each failed probe; changes of the store's state are logged elsewhere.
  imports: [TerminusModule.forRoot({ logger: false }), FeedModule],
  controllers: [HealthController],
  providers: [StorageHealth, ProcessHealth],
})
export class HealthModule {}
