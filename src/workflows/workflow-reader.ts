import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NotHeldError, VersionConflictError } from '../engine/errors.js';
import { etagOf, type WorkflowRecord } from '../engine/records/workflow-meta.js';
import { callerOf, workflowIdOf } from '../http/caller.js';
import { knownTagsOf, wantedTagsOf } from '../http/preconditions.js';
import { preferencesOf } from '../http/prefer.js';
import { refuseQuery } from '../http/query.js';
import { RequestLifetime } from '../waiting/request-lifetime.js';
import { DocumentWorkflowStore } from './document-workflow-store.js';
import { describeWorkflow } from './workflow-answer.js';

/** GET of a workflow or its state: conditions, and waiting for the next version. */
@Injectable()
export class WorkflowReader {
  constructor(
    private readonly workflows: DocumentWorkflowStore,
    private readonly lifetime: RequestLifetime,
  ) {}

  /** The workflow to be shown; undefined when a 304 has been sent because the reader has it already. */
  async read(request: FastifyRequest, reply: FastifyReply): Promise<WorkflowRecord | undefined> {
    refuseQuery(request);
    const { tenant } = callerOf(request);
    const id = workflowIdOf(request);
    const known = knownTagsOf(request);
    const { waitSeconds } = preferencesOf(request);
    let workflow: WorkflowRecord;
    if (waitSeconds !== undefined && Array.isArray(known)) {
      workflow = await this.#wait(request, reply, id, known, waitSeconds);
    } else {
      workflow = await this.workflows.get(tenant, id);
    }
    const wanted = wantedTagsOf(request);
    if (wanted !== undefined && wanted !== '*' && !wanted.includes(etagOf(workflow))) {
      // Of a copy nobody knows whether it is current, so it meets no condition and fails none.
      if (workflow.isHeldCopy === true) throw new NotHeldError();
      throw new VersionConflictError(undefined, id, workflow);
    }
    describeWorkflow(reply, workflow);
    if (known !== undefined && (known === '*' || known.includes(etagOf(workflow)))) {
      void reply.status(304).send();
      return undefined;
    }
    return workflow;
  }

  #wait(request: FastifyRequest, reply: FastifyReply, id: string, known: readonly string[], seconds: number) {
    reply.header('preference-applied', `wait=${seconds}`).header('vary', 'prefer');
    const { tenant } = callerOf(request);
    return this.lifetime.during(request, (over) => this.workflows.getOther(tenant, id, known, seconds * 1000, over));
  }
}
