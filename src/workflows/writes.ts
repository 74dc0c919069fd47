import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, noteOf } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { expectationOf } from '../http/preconditions.js';
import { preferencesOf } from '../http/prefer.js';
import type { WorkflowRecord } from '../engine/records/workflow-meta.js';
import type { Write, Written } from './document-workflow-store.js';
import { sendJson } from '../http/send-json.js';
import { describeWorkflow, sendWorkflow } from './workflow-answer.js';

/** What every writing route shares: from the headers to a `Write`, and from what was written to the answer. */
@Injectable()
export class Writes {
  constructor(private readonly idempotency: Idempotency) {}

  run<T>(request: FastifyRequest, work: (write: Write) => Promise<T>): Promise<T> {
    const { tenant, by } = callerOf(request);
    const note = noteOf(request);
    const expect = expectationOf(request);
    return this.idempotency.run(request, tenant, ({ once, keyed }) => {
      // An answer that nobody wants to see again need not be kept.
      const kept = keyed && preferencesOf(request).minimal ? { ...once, keepStates: false } : once;
      return work({ tenant, by, note, once: kept, keyed, expect });
    });
  }
}

export interface AnswerForm {
  /** The state alone instead of the workflow around it. */
  readonly bare?: boolean;
  /** Where a POST created the workflow. */
  readonly location?: string;
  /** JSON members to follow the standard ones, each with its comma in front. */
  readonly more?: string;
}

/** 201 or 200 with the workflow; without a body when the client prefers that, or when a replay no longer has it. */
export function sendWritten(
  request: FastifyRequest,
  reply: FastifyReply,
  written: Written,
  form: AnswerForm = {},
): void {
  const { workflow, created, replayed } = written;
  describeWorkflow(reply, workflow);
  if (replayed) reply.header('idempotency-replayed', 'true');
  if (form.location !== undefined) reply.header('location', form.location);
  const status = created ? 201 : 200;
  const { minimal } = preferencesOf(request);
  if (minimal) reply.header('preference-applied', 'return=minimal');
  if (minimal || workflow.state === undefined) {
    void reply.status(form.location === undefined ? 204 : status).send();
  } else {
    if (form.bare === true) sendJson(reply, status, workflow.state);
    else sendWorkflow(reply, status, workflow as WorkflowRecord, form.more);
  }
}
