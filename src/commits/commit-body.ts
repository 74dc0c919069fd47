import type { Commit, Expect, Patch, Put, Ttl } from '../engine/commit.js';
import type { WorkflowIndex } from '../engine/workflow-index.js';
import { isName, isQueueName, isWorkflowId, NAME_RULE, QUEUE_RULE, WORKFLOW_ID_RULE } from '../engine/names.js';
import type { ObjectReader } from '../http/object-reader.js';
import { sized } from '../http/sized.js';
import { newToken } from '../tasks/claim.js';
import { LEASE_MS, readNewTask, type TaskLimits } from '../tasks/new-task.js';
import { jsonPatchEdit } from '../workflows/edits/json-patch-edit.js';
import { mergePatchEdit } from '../workflows/edits/merge-patch-edit.js';
import { readMessage } from '../feed/message.js';
import { newIncarnation } from '../workflows/identifiers.js';
import { isTtlSeconds, TTL_RULE, ttlOf } from '../workflows/ttl.js';

const MOST_PARTS = 50;

/** Who commits, and the rules for what is in it. */
export interface CommitContext {
  readonly by: string;
  readonly note: string | undefined;
  readonly index: WorkflowIndex;
  readonly limits: TaskLimits;
  /** The policy, for workflows whose writer does not say. */
  readonly ttlMs: Ttl;
}

type Parts = Omit<Commit, 'once'>;

/** The body of POST /v1/commits as parts of a commit; states and payloads stay the text they are. */
export function readCommit(body: ObjectReader, context: CommitContext): Parts {
  const { limits } = context;
  const ack = body.object('ack', (part) => ({
    taskId: part.stringRequired('taskId', WORKFLOW_ID_RULE, isWorkflowId),
    token: part.stringRequired('leaseToken', 'must be the leaseToken of the claim'),
    result: sized(part.raw('result') ?? 'null', limits.maxBytes),
  }));
  const about = { by: context.by, note: context.note, taskId: ack?.taskId };
  const puts = body.list('puts', MOST_PARTS, (part) => readPut(part, context, about));
  const patches = body.list('patches', MOST_PARTS, (part) => readPatch(part, context, about));
  const deletes = body.list('deletes', MOST_PARTS, (part) => ({ id: idOf(part), ...expectationOf(part) }));
  const enqueue = body.list('enqueue', MOST_PARTS, (part) => readNewTask(part, limits));
  const publish = body.list('publish', MOST_PARTS, (part) => readMessage(part));
  const claim = body.object('claimNext', (part) => ({
    queue: part.stringRequired('queue', QUEUE_RULE, isQueueName),
    worker: part.string('worker', NAME_RULE, isName) ?? context.by,
    leaseMs: part.integer('leaseMs', LEASE_MS),
    tokens: [newToken()],
  }));
  refuseRepeated(body, { puts, patches, deletes });
  const lists = [puts, patches, deletes, enqueue, publish];
  if (ack === undefined && claim === undefined && lists.every(({ length }) => length === 0)) {
    body.refuse('needs at least one part: ack, puts, patches, deletes, enqueue, publish or claimNext');
  }
  return { puts, patches, deletes, enqueue, publish, ...(ack && { ack }), ...(claim && { claim }) };
}

interface AboutParts {
  readonly by: string;
  readonly note: string | undefined;
  readonly taskId: string | undefined;
}

function readPut(part: ObjectReader, { index, ttlMs }: CommitContext, { by, note, taskId }: AboutParts): Put {
  const state = part.rawRequired('state');
  return {
    id: idOf(part),
    incarnation: newIncarnation(),
    state,
    index: index.ofState(state),
    ttl: ttlOfPart(part, ttlMs),
    about: {
      by,
      cause: 'commit',
      changed: null,
      ...(note !== undefined && { note }),
      ...(taskId !== undefined && { taskId }),
    },
    ...expectationOf(part),
  };
}

function readPatch(part: ObjectReader, { ttlMs }: CommitContext, { by, note, taskId }: AboutParts): Patch {
  const merge = part.raw('merge');
  const operations = part.raw('patch');
  if ((merge === undefined) === (operations === undefined)) {
    part.refuse('needs either merge (RFC 7396) or patch (RFC 6902)');
  }
  const edit = operations === undefined ? mergePatchEdit(merge ?? '{}') : jsonPatchEdit(operations);
  return {
    id: idOf(part),
    edit: { ...edit, cause: 'commit' },
    ttl: ttlOfPart(part, ttlMs),
    by,
    ...(note !== undefined && { note }),
    ...(taskId !== undefined && { taskId }),
    ...expectationOf(part),
  };
}

function idOf(part: ObjectReader): string {
  return part.stringRequired('id', WORKFLOW_ID_RULE, isWorkflowId);
}

function ttlOfPart(part: ObjectReader, policy: Ttl): Ttl {
  const seconds = part.value('ttlSeconds', TTL_RULE, isTtlSeconds);
  return seconds === undefined ? policy : ttlOf(seconds);
}

function expectationOf(part: ObjectReader): { expect?: Expect } {
  const expect = part.object('expect', (expected) => {
    const version = expected.integer('version', { min: 1, max: Number.MAX_SAFE_INTEGER });
    const etag = expected.string('etag', 'must be an ETag as answers carry it');
    const exists = expected.boolean('exists');
    const given: (Expect | undefined)[] = [
      version === undefined ? undefined : { version },
      etag === undefined ? undefined : { etags: [etag] },
      exists === undefined ? undefined : { exists },
    ];
    const [only, ...others] = given.filter((one) => one !== undefined);
    if (only === undefined || others.length > 0) expected.refuse('must be one of version, etag or exists');
    return only;
  });
  return expect === undefined ? {} : { expect };
}

function refuseRepeated(body: ObjectReader, lists: Readonly<Record<string, readonly { readonly id: string }[]>>): void {
  const seen = new Set<string>();
  for (const [name, parts] of Object.entries(lists)) {
    parts.forEach(({ id }, i) => {
      if (seen.has(id))
        body.refuse(`names workflow ${id} again; a commit names each at most once`, name, String(i), 'id');
      seen.add(id);
    });
  }
}
