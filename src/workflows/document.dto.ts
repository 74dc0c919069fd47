import type { Schema } from '../http/shapes/field.js';
import { Text, text, Values } from '../http/shapes/fields.js';
import { TtlQuery } from './ttl.js';
import { CancelTasks, WorkflowPath } from './workflow.dto.js';

export class SectionPath extends WorkflowPath {
  @Text({ about: '`id` or `section_id` of an entry of `state.sections`', example: 'intro' }) sectionId!: string;
}

export class StatusQuery extends TtlQuery {
  @CancelTasks() tasks?: 'cancel';
}

export class StatusChange {
  @Text({ example: 'review' }) status!: string;
  @Text({ nullable: true, optional: true }) error_message?: string | null;
  @Values(text(), { min: 1, optional: true, about: 'The change is made only from one of these; else 409' })
  from?: readonly string[];
}

/** Fields of a section, a log entry, an exhibit: any JSON object. */
export const ANY_OBJECT: Schema = { type: 'object' };
