import { randomUUID } from 'node:crypto';
import {
  committedWorkflow,
  MIN_RETRY_WINDOW_MS,
  type Delete,
  type Edit,
  type Expect,
  type Once,
  type Outcome,
  type Patch,
  type Put,
  type Touch,
  type Ttl,
} from '../../src/engine/commit.js';
import type { About } from '../../src/engine/records/workflow-meta.js';
import { WorkflowIndex } from '../../src/engine/workflow-index.js';

/** The default index fields of the service. */
export const testIndex = new WorkflowIndex(['/status', '/document_type', '/user_id', '/case_id']);

const someone: About = { by: 'someone', cause: 'put', changed: null };

/** A fresh key, unless the case gives one. */
export function once(given: Partial<Once> = {}): Once {
  return { key: randomUUID(), fingerprint: 'fingerprint', keepMs: MIN_RETRY_WINDOW_MS, ...given };
}

export interface PutOptions {
  readonly expect?: Expect;
  readonly ttl?: Ttl;
  readonly about?: About;
  readonly incarnation?: string;
}

/** `state` is a JavaScript value; `putText` takes JSON text. */
export function put(id: string, state: unknown, options?: PutOptions): Put {
  return putText(id, JSON.stringify(state), options);
}

export function putText(
  id: string,
  state: string,
  { expect, ttl = 'keep', about = someone, incarnation = randomUUID().slice(0, 12) }: PutOptions = {},
): Put {
  return { id, incarnation, state, index: testIndex.ofState(state), ttl, about, ...(expect && { expect }) };
}

export interface PatchOptions {
  readonly expect?: Expect;
  readonly ttl?: Ttl;
  readonly by?: string;
  readonly note?: string;
}

export function patch(
  id: string,
  edit: Edit,
  { expect, ttl = 'keep', by = 'someone', note }: PatchOptions = {},
): Patch {
  return { id, edit, ttl, by, ...(expect && { expect }), ...(note !== undefined && { note }) };
}

export function remove(id: string, expect?: Expect): Delete {
  return { id, ...(expect && { expect }) };
}

export function touch(id: string, ttl: Ttl, expect?: Expect): Touch {
  return { id, ttl, ...(expect && { expect }) };
}

/** Outcome of the same commit sent again. */
export function replayOf(first: Outcome): Outcome {
  const workflows = first.workflows.map((workflow) => committedWorkflow(workflow, workflow.created));
  return { ...first, replayed: true, workflows };
}
