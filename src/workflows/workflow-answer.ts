import type { FastifyReply } from 'fastify';
import { sendJson } from '../http/send-json.js';
import { httpTime, isoTime } from '../http/times.js';
import { etagOf, type VersionRecord, type WorkflowMeta, type WorkflowRecord } from '../engine/records/workflow-meta.js';

/** RFC 9111's predecessor named it; clients that know it tell a copy from the current state. */
export const STALE = '110 waymark "Response is Stale"';

/** The members that every workflow answer starts with. Written as text, so that the state can follow as the text it is. */
function metaText(meta: WorkflowMeta): string {
  const etag = `\\"${meta.incarnation}-${meta.version}\\"`;
  const expiresAt = meta.deadlineMs === null ? 'null' : `"${isoTime(meta.deadlineMs)}"`;
  return (
    `{"id":"${meta.id}","version":${meta.version},"etag":"${etag}",` +
    `"createdAt":"${isoTime(meta.createdAtMs)}","updatedAt":"${isoTime(meta.updatedAtMs)}","expiresAt":${expiresAt}`
  );
}

/** `{id, version, etag, createdAt, updatedAt, expiresAt, state}`; without a state, everything but that. */
export function workflowText(workflow: WorkflowMeta & { readonly state?: string }, more = ''): string {
  const head = metaText(workflow) + more;
  return workflow.state === undefined ? `${head}}` : `${head},"state":${workflow.state}}`;
}

export function sendWorkflow(
  reply: FastifyReply,
  status: number,
  workflow: WorkflowMeta & { readonly state: string },
  more = '',
): void {
  const { state } = workflow;
  sendJson(reply, status, metaText(workflow), more, ',"state":', state, '}');
}

export function versionText(version: VersionRecord): string {
  const { by, cause, note, taskId, changed } = version.about;
  const head = JSON.stringify({
    version: version.version,
    etag: etagOf(version),
    updatedAt: isoTime(version.updatedAtMs),
    by,
    cause,
    note,
    taskId,
    bytes: version.bytes,
    changed,
  });
  return version.state === undefined ? head : `${head.slice(0, -1)},"state":${version.state}}`;
}

/** Version, times and deadline as headers; they are the same on every answer about a workflow, whatever its body. */
export function describeWorkflow(
  reply: FastifyReply,
  meta: WorkflowMeta & Pick<WorkflowRecord, 'isHeldCopy'>,
): FastifyReply {
  if (meta.isHeldCopy === true) reply.header('warning', STALE);
  reply.header('etag', etagOf(meta));
  reply.header('last-modified', httpTime(meta.updatedAtMs));
  if (meta.deadlineMs !== null) reply.header('x-expires-at', isoTime(meta.deadlineMs));
  return reply;
}
