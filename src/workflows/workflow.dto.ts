import { Holds, type Rules, type Schema } from '../http/shapes/field.js';
import {
  Count,
  Flag,
  Integer,
  ListOf,
  Nested,
  oneOf,
  OneOf,
  RawJson,
  Text,
  text,
  Time,
  Value,
  Values,
  type Common,
} from '../http/shapes/fields.js';
import { etagOf, type VersionName } from '../engine/records/workflow-meta.js';
import { IdPrefix, WorkflowId, workflowId } from '../http/shapes/names.js';
import { TtlFields, TtlSeconds } from './ttl.js';

const MAX_BATCH = 100;

export class WorkflowPath {
  @WorkflowId({ about: 'Workflow (thread) id' }) id!: string;
}

/** Id in a body; any text. `checkedId` refuses invalid ids later, with INVALID_ID instead of INVALID_BODY. */
export const idInBody: Rules = { ...workflowId(), accepts: (value) => typeof value === 'string' };

export const STATE_EXAMPLE = {
  status: 'generating',
  document_type: 'brief',
  user_id: 'user-1',
  sections: [{ id: 'intro', title: 'Introduction' }],
};

const State = (given: Common = {}) => RawJson({ about: 'Any JSON value; its text is kept exactly', ...given });

export class WorkflowContent extends TtlFields {
  @State({ example: STATE_EXAMPLE }) state!: string;
}

export class NewWorkflow extends WorkflowContent {
  @Value(idInBody, { optional: true, about: 'Made by the service when it is absent' }) id?: string;
}

export class TouchRequest extends TtlFields {
  @TtlSeconds({ example: 3600 }) override ttlSeconds?: TtlSeconds;
}

const included = oneOf(['state', 'none']);

export class BatchGetRequest {
  @Values(idInBody, {
    max: MAX_BATCH,
    isDistinct: true,
    says: `must be a list of at most ${MAX_BATCH} different ids`,
    example: ['case-7', 'case-8'],
  })
  ids!: readonly string[];
  @Value(
    {
      schema: { anyOf: [included.schema, { type: 'array', items: included.schema }] },
      says: 'must be "state" (the default) or "none"',
      accepts: (value) => [value].flat().every(included.accepts),
    },
    { optional: true, about: '`none`: without the states' },
  )
  include?: string | readonly string[];
}

/** `?tasks=cancel` */
export const CancelTasks = () =>
  OneOf(['cancel'], { optional: true, about: 'Cancels its open tasks in the same step' });

export class DeletionQuery {
  @CancelTasks() tasks?: 'cancel';
}

/** Many are deleted in steps, so that no request takes long. */
export class PrefixDeletion extends DeletionQuery {
  @IdPrefix({ about: 'Beginning of the ids', example: 'case-7:' }) idPrefix!: string;
  @Integer({ min: 1, max: 1000, default: 100, about: 'Maximum number of workflows to delete' }) limit!: number;
}

export class DeletedSome {
  @Count({ about: 'Workflows that this request has deleted' }) deleted!: number;
  @Flag({ about: 'False if there are more: repeat the request' }) isComplete!: boolean;
}

export const VersionNumber = (given: Common<number> = {}) => Integer({ min: 1, ...given });

/** Tag of a record: `incarnation`, `version` and `check`. */
const etag: Rules = {
  ...text(),
  write: (incarnation: string, record: VersionName) => JSON.stringify(etagOf({ ...record, incarnation })),
};

export const Etag = (given: Common<string> = {}) =>
  Value(etag, { as: 'etag', about: 'The same as the ETag header, with its quotes', ...given });

/** Workflow without its state. */
export class WorkflowMeta {
  @WorkflowId() id!: string;
  @VersionNumber() version!: number;
  @Etag() incarnation!: string;
  @Time() createdAtMs!: number;
  @Time() updatedAtMs!: number;
  @Time({ as: 'expiresAt', nullable: true }) deadlineMs!: number | null;
}

export class ForkOrigin {
  @WorkflowId() id!: string;
  @VersionNumber() version!: number;
}

export class Workflow extends WorkflowMeta {
  @Nested(() => ForkOrigin, { optional: true }) forkedFrom?: ForkOrigin;
  @State() state!: string;
}

export class ListedWorkflow extends WorkflowMeta {
  @State({ optional: true }) state?: string | undefined;
}

export class WorkflowPage {
  @ListOf(() => ListedWorkflow) items!: readonly ListedWorkflow[];
  @Text({ nullable: true }) nextCursor!: string | null;
}

const META_NAMES = ['version', 'etag', 'createdAt', 'updatedAt', 'expiresAt'];

/** Workflow; or `missing` if there is none with this id; or `omitted` if the answer has no room for it. */
@Holds({
  schema: { oneOf: [required(['missing']), required(['omitted']), required(META_NAMES)] },
  check: () => undefined,
})
export class BatchedWorkflow {
  @WorkflowId() id!: string;
  @Flag({ optional: true }) missing?: true;
  @Flag({ optional: true }) omitted?: true;
  @VersionNumber({ optional: true }) version?: number;
  @Etag({ optional: true }) incarnation?: string;
  @Time({ optional: true }) createdAtMs?: number;
  @Time({ optional: true }) updatedAtMs?: number;
  @Time({ as: 'expiresAt', nullable: true, optional: true }) deadlineMs?: number | null;
  @State({ optional: true }) state?: string | undefined;
}

function required(names: readonly string[]): Schema {
  return { required: names, properties: Object.fromEntries(names.map((name) => [name, true])) };
}

export class WorkflowBatch {
  @ListOf(() => BatchedWorkflow) items!: readonly BatchedWorkflow[];
}

export class WorkflowCount {
  @Count() count!: number;
}
