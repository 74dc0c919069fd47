import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Ttl } from '../engine/commit.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { jsonTextOf, RAW_STATE_TYPES, scanBody } from '../http/body.js';
import type { Shape } from '../http/shapes/field.js';
import { pointersBeside, readJson } from '../http/shapes/read.js';
import { compilePointers, type PointerSet } from '../json/pointer-set.js';
import type { Draft } from './document-workflow-store.js';
import { ttlOf } from './ttl.js';
import { NewWorkflow, WorkflowContent } from './workflow.dto.js';

/**
 * Extracts the state from a request as text, without decoding and encoding it. One scan validates the body and finds the
 * members of its envelope and the indexed fields of the state.
 */
@Injectable()
export class StateBody {
  readonly #content: EnvelopeReader<WorkflowContent>;
  readonly #new: EnvelopeReader<NewWorkflow>;
  readonly #inState: PointerSet;

  constructor(private readonly index: WorkflowIndex) {
    this.#content = new EnvelopeReader(WorkflowContent, index);
    this.#new = new EnvelopeReader(NewWorkflow, index);
    this.#inState = compilePointers(index.below([]));
  }

  /** For a body that is the state itself. */
  async raw(request: FastifyRequest, ttl: Ttl | undefined): Promise<Draft> {
    const state = jsonTextOf(request, RAW_STATE_TYPES);
    const { found } = await scanBody(state, { find: this.#inState });
    return { state, index: this.index.ofSlices(state, found), ttl };
  }

  async content(request: FastifyRequest): Promise<Draft> {
    return (await this.#content.read(request)).draft;
  }

  async newWorkflow(request: FastifyRequest): Promise<{ id: string | undefined; draft: Draft }> {
    const { envelope, draft } = await this.#new.read(request);
    return { id: envelope.id, draft };
  }
}

class EnvelopeReader<T extends WorkflowContent> {
  readonly #pointers: PointerSet;
  readonly #fieldsFrom: number;

  constructor(
    private readonly shape: Shape<T>,
    private readonly index: WorkflowIndex,
  ) {
    const { pointers, skip } = pointersBeside(shape, index.below(['state']));
    this.#pointers = pointers;
    this.#fieldsFrom = skip;
  }

  async read(request: FastifyRequest): Promise<{ envelope: T; draft: Draft }> {
    const text = jsonTextOf(request);
    const { value: envelope, found } = await readJson(this.shape, text, this.#pointers);
    const index = this.index.ofSlices(text, found.slice(this.#fieldsFrom));
    return { envelope, draft: { state: envelope.state, index, ttl: ttlOf(envelope) } };
  }
}
