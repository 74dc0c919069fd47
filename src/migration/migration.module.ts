import { Module } from '@nestjs/common';
import { WaitingModule } from '../waiting/waiting.module.js';
import { ExportController } from './export.controller.js';
import { ImportController } from './import.controller.js';

@Module({ imports: [WaitingModule], controllers: [ExportController, ImportController] })
export class MigrationModule {}
