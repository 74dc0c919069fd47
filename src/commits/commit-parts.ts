import { CharacterTurns } from '../engine/character-turns.js';
import type { Commit, Expect, Patch, Put, Ttl } from '../engine/commit.js';
import type { Pace } from '../engine/task.js';
import type { WorkflowIndex } from '../engine/workflow-index.js';
import { MAX_MESSAGE_BYTES } from '../feed/feed.dto.js';
import type { Caller } from '../http/caller.js';
import { sized } from '../http/sized.js';
import { newToken } from '../tasks/claim.js';
import { newTaskOf, type TaskLimits } from '../tasks/new-task.js';
import { jsonPatchEdit } from '../workflows/edits/json-patch-edit.js';
import { mergePatchEdit } from '../workflows/edits/merge-patch-edit.js';
import { newIncarnation } from '../engine/new-incarnation.js';
import { ttlOf, type TtlFields } from '../workflows/ttl.js';
import type { CommitBody, Expectation, PatchPart, PutPart } from './commit.dto.js';

export interface CommitContext {
  readonly caller: Caller;
  readonly note: string | undefined;
  readonly index: WorkflowIndex;
  readonly limits: TaskLimits;
  /** Limit of the queue that the commit claims from. */
  readonly pace: Pace | undefined;
  /** Time to live for parts without one: WORKFLOW_STATE_TTL. */
  readonly ttlMs: Ttl;
}

/** Author and cause, recorded with every workflow of the commit. */
interface About {
  readonly by: string;
  readonly note?: string;
  readonly taskId?: string;
}

/** Parts of a commit for the engine. Large states are read in several turns of the event loop. @throws StateTooLargeError */
export async function partsOf(
  body: CommitBody,
  { caller, note, index, limits, pace, ttlMs }: CommitContext,
): Promise<Omit<Commit, 'once'>> {
  const { ack, claimNext } = body;
  const about: About = {
    by: caller.by,
    ...(note !== undefined && { note }),
    ...(ack !== undefined && { taskId: ack.taskId }),
  };
  const turns = new CharacterTurns();
  const puts: Put[] = [];
  for (const part of body.puts) {
    await turns.spend(part.state.length);
    puts.push(putOf(part, index, ttlMs, about));
  }
  return {
    puts,
    patches: body.patches.map((part) => patchOf(part, ttlMs, about)),
    deletes: body.deletes.map(({ id, expect }) => ({ id, ...expectOf(expect) })),
    enqueue: body.enqueue.map((task) => newTaskOf(task, task.queue, limits)),
    publish: body.publish.map(({ channel, type, payload = 'null' }) => ({
      channel,
      type,
      payload: sized(payload, MAX_MESSAGE_BYTES),
    })),
    ...(ack !== undefined && {
      ack: { taskId: ack.taskId, token: ack.token, result: sized(ack.result ?? 'null', limits.maxBytes) },
    }),
    ...(claimNext !== undefined && {
      claim: {
        queue: claimNext.queue,
        worker: claimNext.worker ?? caller.by,
        leaseMs: claimNext.leaseMs,
        tokens: [newToken()],
        pace,
      },
    }),
  };
}

function putOf(part: PutPart, index: WorkflowIndex, policy: Ttl, about: About): Put {
  const { id, state, expect } = part;
  return {
    id,
    incarnation: newIncarnation(),
    state,
    index: index.ofValidState(state),
    ttl: ttlOr(policy, part),
    about: { cause: 'commit', changed: null, ...about },
    ...expectOf(expect),
  };
}

function patchOf(part: PatchPart, policy: Ttl, about: About): Patch {
  const { id, merge, patch, expect } = part;
  const edit = patch === undefined ? mergePatchEdit(merge ?? '{}') : jsonPatchEdit(patch);
  return { id, edit: { ...edit, cause: 'commit' }, ttl: ttlOr(policy, part), ...about, ...expectOf(expect) };
}

function ttlOr(policy: Ttl, given: TtlFields): Ttl {
  const ttl = ttlOf(given);
  // Null means that the workflow never expires.
  return ttl === undefined ? policy : ttl;
}

function expectOf(given: Expectation | undefined): { expect?: Expect } {
  if (given === undefined) return {};
  const { version, etag, exists } = given;
  if (version !== undefined) return { expect: { version } };
  return { expect: etag === undefined ? { exists: exists === true } : { etags: [etag] } };
}
