import { answer } from '../http/route.js';
import type { FastifyRequest } from 'fastify';
import type { DocumentWorkflowStore } from './document-workflow-store.js';
import type { DeletionQuery } from './workflow.dto.js';
import type { Writes } from './writes.js';

/** Options of the routes that delete a workflow. */
export const DELETION = {
  once: true,
  headers: ['If-Match', 'If-None-Match'],
  answers: { 204: { says: 'Deleted', headers: ['Idempotency-Replayed'] } },
  problems: ['WORKFLOW_NOT_FOUND', 'TOO_MANY_TASKS'],
} as const;

/** Answer to a request that deletes a workflow. */
export async function deleted(
  { workflows, writes }: { readonly workflows: DocumentWorkflowStore; readonly writes: Writes },
  request: FastifyRequest,
  id: string,
  { tasks }: DeletionQuery,
) {
  const companions = { cancelTasks: tasks === 'cancel' };
  const { replayed } = await writes.run(request, (write) => workflows.delete(id, write, companions));
  return answer(204, undefined, { replayed });
}
