import type { FastifyRequest } from 'fastify';
import { etagOf, type WorkflowMeta, type WorkflowRecord } from '../engine/records/workflow-meta.js';
import { preferencesOf } from '../http/prefer.js';
import { answer, type Answer, type AnswerGiven } from '../http/route.js';
import { httpTime, isoTime } from '../http/times.js';
import { WaitingAnswers } from '../http/waiting-answers.js';
import type { Written } from './document-workflow-store.js';
import { Workflow } from './workflow.dto.js';

/** Warning on a held copy, by RFC 7234 §5.5.1. */
export const STALE = '110 waymark "Response is Stale"';

type Headers = Readonly<Record<string, string | undefined>>;

/** Version, times and deadline, on every answer about a workflow. */
export function workflowHeaders(workflow: WorkflowMeta & Pick<WorkflowRecord, 'isHeldCopy'>): Headers {
  const { updatedAtMs, deadlineMs, isHeldCopy } = workflow;
  return {
    warning: isHeldCopy === true ? STALE : undefined,
    etag: etagOf(workflow),
    'last-modified': httpTime(updatedAtMs),
    'x-expires-at': deadlineMs === null ? undefined : isoTime(deadlineMs),
  };
}

export const workflowOf = (workflow: WorkflowRecord): WorkflowRecord => workflow;

export const stateOf = ({ state }: { readonly state: string }): string => state;

export type WrittenAnswer<S extends number, B> = Answer<S, B> | Answer<204, undefined>;

/** 204 if the client prefers a minimal answer, the state of a replay is no longer kept, or there is no room for it. */
export function writtenAnswer<const S extends number, B>(
  request: FastifyRequest,
  written: Written,
  status: S,
  bodyOf: (workflow: WorkflowRecord) => B,
): WrittenAnswer<S, B> {
  const workflow = shownWorkflow(request, written);
  const more = writtenHeaders(request, written);
  return workflow === undefined ? answer(204, undefined, more) : answer(status, bodyOf(workflow), more);
}

/** 201 with the location; without a body if `writtenAnswer` would be 204. */
export function createdAnswer<B>(
  request: FastifyRequest,
  written: Written,
  bodyOf: (workflow: WorkflowRecord) => B,
): Answer<201, B | undefined> {
  const workflow = shownWorkflow(request, written);
  const { headers, replayed } = writtenHeaders(request, written);
  const location = `/v1/workflows/${segmentOf(written.workflow.id)}`;
  return answer(201, workflow && bodyOf(workflow), { headers: { location, ...headers }, replayed });
}

export function writtenHeaders(request: FastifyRequest, { workflow, replayed }: Written) {
  const headers = workflowHeaders(workflow);
  return {
    headers: isMinimal(request, workflow) ? { ...headers, 'preference-applied': 'return=minimal' } : headers,
    replayed,
  };
}

function shownWorkflow(request: FastifyRequest, { workflow }: Written): WorkflowRecord | undefined {
  return workflow.state === undefined || isMinimal(request, workflow) ? undefined : (workflow as WorkflowRecord);
}

/** Also without the preference, if too many answers with states wait to be read. */
function isMinimal(request: FastifyRequest, { state = '' }: Written['workflow']): boolean {
  return preferencesOf(request).minimal || WaitingAnswers.of(request).refusalOf(state.length) !== undefined;
}

// Answers in the document.

export const TAG_HEADERS = ['ETag', 'Last-Modified', 'X-Expires-At'] as const;
export const WRITTEN_HEADERS = [...TAG_HEADERS, 'Idempotency-Replayed'] as const;
export const NOT_MODIFIED = { says: 'The client has the current version', headers: TAG_HEADERS } as const;
export const MINIMAL = { says: 'Done, with return=minimal', headers: WRITTEN_HEADERS } as const;
export const CHANGED = { 200: { says: 'Changed', body: Workflow, headers: WRITTEN_HEADERS }, 204: MINIMAL } as const;
export const created = (says: string) =>
  ({
    says,
    body: Workflow,
    mayBeEmpty: true,
    headers: [...WRITTEN_HEADERS, 'Location'],
  }) as const satisfies AnswerGiven;

// Request headers of workflow routes.

export const READ_HEADERS = ['If-Match', 'If-None-Match', 'Prefer'] as const;
export const CREATE_HEADERS = ['If-None-Match', 'Prefer', 'X-Waymark-Note'] as const;
export const WRITE_HEADERS = ['If-Match', 'If-None-Match', 'Prefer', 'X-Waymark-Note'] as const;

/** An id as a segment of a path. Characters that a segment may have stay as they are. */
function segmentOf(id: string): string {
  return encodeURIComponent(id).replaceAll(/%(?:3A|40|2B)/g, decodeURIComponent);
}
