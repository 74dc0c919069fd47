import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { CommitsController } from './commits.controller.js';

@Module({ imports: [HttpModule, TasksModule], controllers: [CommitsController] })
export class CommitsModule {}
