import type { Commit, Delete, Expect, IndexValues, Once, Part, Put, Touch, Ttl } from '../commit.js';
import type { EngineOptions } from '../engine.js';
import { stateKey } from './keys.js';

/** A put as the script takes it: several versions of one workflow in a row, of which only the last one is indexed. */
export interface PlannedPut {
  readonly part: Extract<Part, 'puts' | 'patches'>;
  readonly at: number;
  readonly id: string;
  readonly expect?: Expect;
  readonly mustExist: boolean;
  readonly inc: string;
  readonly index: readonly string[];
  /** One of each for each version, oldest first. */
  readonly ttls: readonly (number | 'never' | 'keep')[];
  readonly abouts: readonly string[];
  readonly states: readonly string[];
}

/** Which results a once key stands for, counted from 1. */
export interface PlannedOnce extends Once {
  readonly first: number;
  readonly last: number;
}

export interface Plan {
  readonly once: readonly PlannedOnce[];
  readonly puts: readonly PlannedPut[];
  readonly deletes: readonly Delete[];
  readonly touches: readonly Touch[];
  /** A conflict brings the current state. */
  readonly wantState?: boolean;
  /** Nothing is written; the verdict is 'fine' or the refusal. */
  readonly checkOnly?: boolean;
}

export function plannedTtl(ttl: Ttl): number | 'never' | 'keep' {
  return ttl ?? 'never';
}

export function entriesOf(index: IndexValues): string[] {
  return Object.entries(index).map(([field, value]) => `${field}=${value}`);
}

export function plannedPut({ id, expect, incarnation, state, index, ttl, about }: Put, at: number): PlannedPut {
  return {
    part: 'puts',
    at,
    id,
    ...(expect && { expect }),
    mustExist: false,
    inc: incarnation,
    index: entriesOf(index),
    ttls: [plannedTtl(ttl)],
    abouts: [JSON.stringify(about)],
    states: [state],
  };
}

/** The plan of a commit whose patches have been worked out as puts. */
export function planOf({ once, deletes = [], touches = [] }: Commit, puts: readonly PlannedPut[]): Plan {
  return {
    once: [{ ...once, first: 1, last: puts.length + touches.length }],
    puts,
    deletes,
    touches,
    wantState: false,
  };
}

/** The state keys, and the arguments behind prefix, time and default time to live. */
export function argumentsOf(
  prefix: string,
  plan: Plan,
  { historyLimit, historyMaxBytes }: EngineOptions,
  { replica, epoch }: { replica: string; epoch: string },
): { keys: string[]; args: string[] } {
  const { once, puts, deletes, touches, wantState, checkOnly } = plan;
  const keys: string[] = [];
  const states: string[] = [];
  for (const part of puts) {
    keys.push(stateKey(prefix, part.id));
    states.push(...part.states);
  }
  for (const { id } of deletes) keys.push(stateKey(prefix, id));
  for (const { id } of touches) keys.push(stateKey(prefix, id));
  const message = JSON.stringify({
    replica,
    epoch,
    historyLimit,
    historyMaxBytes,
    once,
    puts: puts.map(withoutStates),
    ...(deletes.length > 0 && { deletes: deletes.map(({ id, expect }, at) => ({ at, id, expect })) }),
    ...(touches.length > 0 && {
      touches: touches.map(({ id, expect, ttl }, at) => ({ at, id, expect, ttl: plannedTtl(ttl) })),
    }),
    wantState,
    checkOnly,
  });
  return { keys, args: [message, ...states] };
}

/** States travel beside the plan, as the texts they are. Spelled out, since a rest pattern here costs every write a microsecond. */
function withoutStates({ part, at, id, expect, mustExist, inc, index, ttls, abouts }: PlannedPut) {
  return { part, at, id, expect, mustExist, inc, index, ttls, abouts };
}
