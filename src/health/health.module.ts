import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { FeedModule } from '../feed/feed.module.js';
import { WaitingModule } from '../waiting/waiting.module.js';
import { HealthChecks } from './health-checks.js';
import { HealthController } from './health.controller.js';

@Module({
  // Without logger: Terminus would log each failed probe; changes of the store's state are logged elsewhere.
  imports: [TerminusModule.forRoot({ logger: false }), FeedModule, WaitingModule],
  controllers: [HealthController],
  providers: [HealthChecks],
})
export class HealthModule {}
