import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { WaitingModule } from '../waiting/waiting.module.js';
import { QueuesController } from './queues.controller.js';
import { TaskEventsController } from './task-events.controller.js';
import { TasksController } from './tasks.controller.js';
import { Tasks } from './tasks.js';
import { WaitingClaims } from './waiting-claims.js';

@Module({
  imports: [HttpModule, WaitingModule],
  controllers: [QueuesController, TasksController, TaskEventsController],
  providers: [Tasks, WaitingClaims],
  exports: [Tasks],
})
export class TasksModule {}
