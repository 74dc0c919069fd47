import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Ttl } from '../engine/commit.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { jsonTextOf, RAW_STATE_TYPES, scanBody } from '../http/body.js';
import { checkedId } from '../http/caller.js';
import { InvalidBodyError, type Issue } from '../http/http-errors.js';
import type { JsonSlice } from '../json/scan.js';
import { compilePointers, type PointerSet } from '../json/pointer-set.js';
import type { Draft } from './document-workflow-store.js';
import { isTtlSeconds, TTL_RULE, ttlOf } from './ttl.js';

const ENVELOPE = ['state', 'ttlSeconds'] as const;
const NEW_ENVELOPE = ['state', 'ttlSeconds', 'id'] as const;

/**
 * Takes the state out of a request as text. One scan validates the body, finds the state in its envelope and the indexed
 * fields in the state; nothing is decoded and encoded again.
 */
@Injectable()
export class StateBody {
  readonly #inEnvelope: PointerSet;
  readonly #inState: PointerSet;

  constructor(private readonly index: WorkflowIndex) {
    this.#inEnvelope = compilePointers([...NEW_ENVELOPE.map((name) => [name]), ...index.below(['state'])]);
    this.#inState = compilePointers(index.below([]));
  }

  /** A body that is the state itself. */
  raw(request: FastifyRequest, ttl: Ttl | undefined): Draft {
    const state = jsonTextOf(request, RAW_STATE_TYPES);
    return { state, index: this.index.ofSlices(state, scanBody(state, { find: this.#inState }).found), ttl };
  }

  /** `{ state, ttlSeconds? }` */
  envelope(request: FastifyRequest): Draft {
    return this.#read(request, ENVELOPE).draft;
  }

  /** `{ id?, state, ttlSeconds? }` */
  newEnvelope(request: FastifyRequest): { id: string | undefined; draft: Draft } {
    const { draft, id } = this.#read(request, NEW_ENVELOPE);
    return { id: id === undefined ? undefined : checkedId(id), draft };
  }

  #read(request: FastifyRequest, known: readonly string[]): { id: string | undefined; draft: Draft } {
    const text = jsonTextOf(request);
    const scan = scanBody(text, { find: this.#inEnvelope });
    if (scan.kind !== 'object')
      throw new InvalidBodyError([{ pointer: '', message: 'must be an object with a state' }]);
    const [state, ttl, id, ...fields] = scan.found;
    const ttlSeconds = valueOf(text, ttl);
    const issues: Issue[] = scan.memberNames
      .filter((name) => !known.includes(name))
      .map((name) => ({ pointer: `/${name}`, message: `is not known here; known are ${known.join(', ')}` }));
    if (state === undefined) issues.push({ pointer: '/state', message: 'is missing' });
    if (ttl !== undefined && !isTtlSeconds(ttlSeconds)) issues.push({ pointer: '/ttlSeconds', message: TTL_RULE });
    if (id !== undefined && id.kind !== 'string') issues.push({ pointer: '/id', message: 'must be a string' });
    if (issues.length > 0 || state === undefined) throw new InvalidBodyError(issues);
    return {
      id: valueOf(text, id) as string | undefined,
      draft: {
        state: text.slice(state.start, state.end),
        index: this.index.ofSlices(text, fields),
        ttl: ttl === undefined ? undefined : ttlOf(ttlSeconds as number),
      },
    };
  }
}

function valueOf(text: string, slice: JsonSlice | undefined): unknown {
  return slice === undefined ? undefined : (JSON.parse(text.slice(slice.start, slice.end)) as unknown);
}
