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
  @Values(text(), { min: 1, optional: true, about: 'Allowed current statuses; any other answers 409' })
  from?: readonly string[];
}

/** Body of sections, logs and exhibits. */
export const ANY_OBJECT: Schema = { type: 'object' };
