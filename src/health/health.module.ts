import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { FeedModule } from '../feed/feed.module.js';
import { HealthController } from './health.controller.js';
import { ProcessHealth } from './process.health.js';
import { StorageHealth } from './storage.health.js';

@Module({
  // Terminus would log each failed probe; the state of the store is logged where it changes.
  imports: [TerminusModule.forRoot({ logger: false }), FeedModule],
  controllers: [HealthController],
  providers: [StorageHealth, ProcessHealth],
})
export class HealthModule {}
