import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { NotHeldError, VersionConflictError } from '../engine/errors.js';
import { etagOf, type WorkflowRecord } from '../engine/records/workflow-meta.js';
import { callerOf } from '../http/caller.js';
import { knownTagsOf, wantedTagsOf } from '../http/preconditions.js';
import { preferencesOf } from '../http/prefer.js';
import { answer, type Answer } from '../http/route.js';
import { RequestLifetime } from '../waiting/request-lifetime.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { workflowHeaders } from './workflow-answer.js';

/** GET of a workflow or its state: conditions, and waiting for the next version. */
@Injectable()
export class WorkflowReader {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly lifetime: RequestLifetime,
  ) {}

  /** 304 if the client already has the version, else 200 with `bodyOf` the workflow. */
  async read<B>(
    request: FastifyRequest,
    id: string,
    bodyOf: (workflow: WorkflowRecord) => B,
  ): Promise<Answer<200, B> | Answer<304, undefined>> {
    const { tenant } = callerOf(request);
    const known = knownTagsOf(request);
    const { waitSeconds } = preferencesOf(request);
    const waits = waitSeconds !== undefined && Array.isArray(known);
    const workflow = waits
      ? await this.lifetime.during(request, waitSeconds * 1000, (over) =>
          this.workflows.getOther(tenant, id, known, waitSeconds * 1000, over),
        )
      : await this.workflows.get(tenant, id);
    const wanted = wantedTagsOf(request);
    if (wanted !== undefined && wanted !== '*' && !wanted.includes(etagOf(workflow))) {
      // A held copy may be out of date, so conditions cannot be judged by it.
      if (workflow.isHeldCopy === true)
        throw new NotHeldError(`the copy of workflow ${id} on this replica may be out of date`);
      throw new VersionConflictError(undefined, id, workflow);
    }
    const headers = workflowHeaders(workflow);
    const more = {
      headers: waits ? { ...headers, 'preference-applied': `wait=${waitSeconds}`, vary: 'prefer' } : headers,
    };
    const isKnown = known !== undefined && (known === '*' || known.includes(etagOf(workflow)));
    return isKnown ? answer(304, undefined, more) : answer(200, bodyOf(workflow), more);
  }
}
