import { AtMostOne, ExactlyOne, Holds } from '../http/shapes/field.js';
import { Flag, Integer, ListOf, Nested, RawJson, text, Text, Values } from '../http/shapes/fields.js';
import { Name, QueueName, TaskId, taskId, WorkflowId } from '../http/shapes/names.js';
import { ChannelMessage } from '../feed/feed.dto.js';
import { Lease } from '../tasks/lease.dto.js';
import { LEASE_MS, QueuedTask } from '../tasks/new-task.dto.js';
import { ClaimedTask } from '../tasks/task.dto.js';
import { JSON_PATCH } from '../workflows/patch.dto.js';
import { TtlMs, TtlSeconds } from '../workflows/ttl.js';

/** Parts of each kind in one commit. */
const MAX_PARTS = 50;

export class AckPart extends Lease {
  @TaskId({ example: 'task-1' }) taskId!: string;
  @RawJson({ optional: true, example: { pages: 3 } }) result?: string;
}

/** Condition of a part on its workflow. */
@ExactlyOne('version', 'etag', 'exists')
export class Expectation {
  @Integer({ min: 1, optional: true, example: 7 }) version?: number;
  @Text({ optional: true, says: 'must be an ETag as in an answer' }) etag?: string;
  @Flag({ optional: true }) exists?: boolean;
}

export class DeletePart {
  @WorkflowId() id!: string;
  @Nested(() => Expectation, { optional: true }) expect?: Expectation;
}

@AtMostOne('ttlSeconds', 'ttlMs')
class WritePart extends DeletePart {
  @TtlSeconds() ttlSeconds?: TtlSeconds;
  @TtlMs() ttlMs?: number;
}

export class PutPart extends WritePart {
  @RawJson({ about: 'Any JSON value; its text is kept exactly', example: { status: 'writing' } }) state!: string;
}

@ExactlyOne('merge', 'patch')
export class PatchPart extends WritePart {
  @RawJson({ optional: true, about: 'RFC 7396', example: { status: 'writing' } }) merge?: string;
  @RawJson({ optional: true, schema: JSON_PATCH, about: 'RFC 6902' }) patch?: string;
}

export class ClaimPart {
  @QueueName() queue!: string;
  @Name({ optional: true, example: 'worker-1' }) worker?: string;
  @Integer({ ...LEASE_MS, optional: true, example: 30_000 }) leaseMs?: number;
}

const LISTS = ['puts', 'patches', 'deletes', 'enqueue', 'publish'] as const;
const PARTS = ['ack', ...LISTS, 'claimNext'] as const;

@Holds<CommitBody>({
  schema: {
    anyOf: [
      ...['ack', 'claimNext'].map((name) => ({ required: [name], properties: { [name]: true } })),
      ...LISTS.map((name) => ({ required: [name], properties: { [name]: { minItems: 1 } } })),
    ],
  },
  check: (body) =>
    body.ack === undefined && body.claimNext === undefined && LISTS.every((name) => body[name].length === 0)
      ? { pointer: '', message: `needs at least one part: ${PARTS.slice(0, -1).join(', ')} or claimNext` }
      : undefined,
})
@Holds<CommitBody>({ check: repeatedWorkflow, alwaysChecked: true })
export class CommitBody {
  @Nested(() => AckPart, { optional: true }) ack?: AckPart;
  @ListOf(() => PutPart, { max: MAX_PARTS, default: [] }) puts!: readonly PutPart[];
  @ListOf(() => PatchPart, { max: MAX_PARTS, default: [] }) patches!: readonly PatchPart[];
  @ListOf(() => DeletePart, { max: MAX_PARTS, default: [] }) deletes!: readonly DeletePart[];
  @ListOf(() => QueuedTask, { max: MAX_PARTS, default: [] }) enqueue!: readonly QueuedTask[];
  @ListOf(() => ChannelMessage, { max: MAX_PARTS, default: [] }) publish!: readonly ChannelMessage[];
  @Nested(() => ClaimPart, { optional: true }) claimNext?: ClaimPart;
}

/** Each workflow at most once per commit; JSON Schema cannot express that. */
function repeatedWorkflow({ puts, patches, deletes }: CommitBody) {
  if (puts.length + patches.length + deletes.length < 2) return undefined;
  const seen = new Set<string>();
  for (const [name, parts] of Object.entries({ puts, patches, deletes })) {
    for (const [i, { id }] of parts.entries()) {
      if (id !== undefined && seen.has(id)) {
        return { pointer: `/${name}/${i}/id`, message: `names workflow ${id} again; a commit names each at most once` };
      }
      seen.add(id);
    }
  }
  return undefined;
}

export class WrittenWorkflow {
  @WorkflowId() id!: string;
  @Integer({ min: 1 }) version!: number;
  @Text() etag!: string;
}

export class Committed {
  @ListOf(() => WrittenWorkflow, { about: 'One for each put, then one for each patch' })
  workflows!: readonly WrittenWorkflow[];
  @Values(taskId(), { max: MAX_PARTS }) taskIds!: readonly string[];
  @Values(text(), { max: MAX_PARTS }) eventIds!: readonly string[];
  @Nested(() => ClaimedTask, { nullable: true }) next!: ClaimedTask | null;
}
