import { Module } from '@nestjs/common';
import { ExportController } from './export.controller.js';
import { ImportController } from './import.controller.js';

@Module({ controllers: [ExportController, ImportController] })
export class MigrationModule {}
