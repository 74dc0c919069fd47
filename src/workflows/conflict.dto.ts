import { Integer, ListOf, Nested, OneOf, RawJson, Text, Time } from '../http/shapes/fields.js';
import { QueueName, TaskId } from '../http/shapes/names.js';
import { TtlSeconds } from './ttl.js';
import { NumberInPath, Origin } from './version.dto.js';
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

export class ConflictRecord extends Origin {
  @Integer({ min: 1 }) n!: number;
  @OneOf(['state', 'delete'], { about: 'What was acknowledged' }) is!: 'state' | 'delete';
  @Text({ nullable: true, about: 'As it was given out; null for a delete' }) etag!: string | null;
  @Nested(() => ConflictBase, { about: 'What it was made on' }) base!: ConflictBase;
  @Text({ about: 'Why it could not become current: the code of the refusal' }) reason!: string;
  @Time({ about: 'When it was acknowledged' }) writtenAtMs!: number;
  @Time() keptAtMs!: number;
  @Time({ as: 'keptUntil', nullable: true, about: 'When the record ends; null is never' }) untilMs!: number | null;
  @Time({ as: 'expiresAt', nullable: true, about: 'When the workflow would have ended' }) deadlineMs!: number | null;
  @ListOf(() => ConflictTask, {
    as: 'tasks',
    about: 'What the same commit would have enqueued; enqueued when it is resolved with `detached`',
  })
  enqueue!: readonly ConflictTask[];
}

export class Conflict extends ConflictRecord {
  @RawJson({ optional: true, about: 'Absent for a delete' }) state?: string | undefined;
}

export class ConflictPage {
  @ListOf(() => ConflictRecord) items!: readonly ConflictRecord[];
  @VersionNumber({ nullable: true }) nextBefore!: number | null;
}

export class ResolveRequest {
  @RawJson({
    about: '`"current"`: as it is; `"detached"`: as it was acknowledged; else this state',
    example: 'current',
  })
  use!: string;
  @TtlSeconds() ttlSeconds?: TtlSeconds;
}
