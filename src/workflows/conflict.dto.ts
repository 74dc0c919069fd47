import { Integer, ListOf, Nested, OneOf, RawJson, Text, Time } from '../http/shapes/fields.js';
import { QueueName, TaskId } from '../http/shapes/names.js';
import { TtlFields } from './ttl.js';
import { NumberInPath, Origin, PageQuery } from './version.dto.js';
import { VersionNumber, WorkflowPath } from './workflow.dto.js';

export class ConflictPath extends WorkflowPath {
  @NumberInPath('Number of the conflict') n!: number;
}

export class ConflictBase {
  @OneOf(['version', 'absent', 'unknown', 'detached']) kind!: 'version' | 'absent' | 'unknown' | 'detached';
  @Text({ optional: true }) etag?: string;
}

export class ConflictTask {
  @TaskId() id!: string;
  @QueueName() queue!: string;
}

export class Conflict extends Origin {
  @Integer({ min: 1 }) n!: number;
  @OneOf(['state', 'delete', 'tasks'], {
    about: 'Kind of write that was acknowledged; `tasks`: tasks and messages without a workflow',
  })
  is!: 'state' | 'delete' | 'tasks';
  @Text({ nullable: true, about: 'ETag that the client got; null unless it was a state' }) etag!: string | null;
  @Nested(() => ConflictBase, { about: 'The version that the write was based on' }) base!: ConflictBase;
  @Text({ about: 'Code of the error that kept it from becoming current' }) reason!: string;
  @Time({ about: 'Time of the acknowledgement' }) writtenAtMs!: number;
  @Time() keptAtMs!: number;
  @Time({ as: 'keptUntil', nullable: true, about: 'Expiry of the record; null: never' }) untilMs!: number | null;
  @Time({ as: 'expiresAt', nullable: true, about: 'Deadline that the write set; null: never' }) deadlineMs!:
    number | null;
  @ListOf(() => ConflictTask, {
    as: 'tasks',
    about: 'Tasks of the same commit; enqueued when the conflict is resolved with `detached`',
  })
  enqueue!: readonly ConflictTask[];
  @RawJson({ optional: true, about: 'Absent unless the write was a state, and in a list without `include=state`' })
  state?: string | undefined;
}

export class ConflictQuery extends PageQuery {
  @OneOf(['state'], { optional: true, about: 'With the states' }) include?: 'state';
}

export class ConflictPage {
  @ListOf(() => Conflict) items!: readonly Conflict[];
  @VersionNumber({ nullable: true }) nextBefore!: number | null;
}

export class ResolveRequest extends TtlFields {
  @RawJson({
    about:
      '`"current"`: keep the current state; `"detached"`: take the acknowledged write; any other JSON: the new state',
    example: 'current',
  })
  use!: string;
}
