import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { callerOf, noteOf } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { expectationOf } from '../http/preconditions.js';
import type { Write } from './document-workflow-store.js';

/** Turns the headers of a writing request into a `Write`, and runs it once. */
@Injectable()
export class Writes {
  constructor(private readonly idempotency: Idempotency) {}

  run<T>(request: FastifyRequest, work: (write: Write) => Promise<T>): Promise<T> {
    const { tenant, by } = callerOf(request);
    const note = noteOf(request);
    const expect = expectationOf(request);
    return this.idempotency.run(request, tenant, ({ once, keyed }) => work({ tenant, by, note, once, keyed, expect }));
  }
}
