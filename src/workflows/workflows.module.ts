import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { WaitingModule } from '../waiting/waiting.module.js';
import { ConflictsController } from './conflicts.controller.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { DocumentsController } from './documents.controller.js';
import { HistoryController } from './history.controller.js';
import { Listing } from './listing.js';
import { StateBody } from './state-body.js';
import { StateController } from './state.controller.js';
import { WorkflowConflicts } from './workflow-conflicts.js';
import { WorkflowReader } from './workflow-reader.js';
import { WorkflowsController } from './workflows.controller.js';
import { Writes } from './writes.js';

@Module({
  imports: [HttpModule, WaitingModule],
  controllers: [WorkflowsController, StateController, DocumentsController, HistoryController, ConflictsController],
  providers: [DocumentWorkflowStore, Listing, StateBody, WorkflowConflicts, WorkflowReader, Writes],
  exports: [DocumentWorkflowStore],
})
export class WorkflowsModule {}
