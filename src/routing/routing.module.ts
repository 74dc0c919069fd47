import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { AgentStatuses } from './agent-statuses.js';
import { Agents } from './agents.js';
import { AgentsController } from './agents.controller.js';
import { Publications } from './publications.js';
import { RoutingTestController } from './routing-test.controller.js';
import { RoutingController } from './routing.controller.js';
import { TaskRouter } from './task-router.js';

@Module({
  imports: [HttpModule, TasksModule],
  controllers: [RoutingTestController, RoutingController, AgentsController],
  providers: [Agents, TaskRouter, AgentStatuses, Publications],
})
export class RoutingModule {}
