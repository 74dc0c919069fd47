import { isDeepStrictEqual } from 'node:util';
import type { Engine } from '../../src/engine/engine.js';
import type { TestClock } from '../support/clock.js';
import { Chooser, TENANTS } from './fuzz/choose.js';
import type { Operation } from './fuzz/operation.js';
import { FeedComparison } from './fuzz/feed-comparison.js';
import { isSame, perform, type Reply } from './fuzz/perform.js';
import { Random } from './fuzz/random.js';

export interface FuzzedEngine {
  readonly name: string;
  readonly engine: Engine;
  /** A restart; later comparisons show what it lost. */
  reopen?(): Promise<void>;
  /** Sweeps at moments that no seed repeats, so it may notice expiries before the other engine does. */
  readonly sweepsByItself?: true;
}

export interface Fuzz {
  /** The engine whose data operations are chosen by. */
  readonly reference: FuzzedEngine;
  readonly other: FuzzedEngine;
  /** Clock of both engines. */
  readonly clock: TestClock;
  readonly seed: number;
  readonly operations: number;
}

/** The first operation with different replies. */
export interface Difference {
  readonly seed: number;
  readonly step: number;
  readonly operation: Operation;
  readonly replies: Readonly<Record<string, Reply>>;
}

const DUMP_EVERY = 250;
const REOPEN_EVERY = 500;

/** Runs the same random operations on two engines, compares every reply, and from time to time all data. */
export async function findDifference({
  reference,
  other,
  clock,
  seed,
  operations,
}: Fuzz): Promise<Difference | undefined> {
  const chooser = new Chooser(new Random(seed), reference.engine, clock);
  const feeds = new FeedComparison(reference, other);
  for (let step = 1; step <= operations; step++) {
    const chosen: Operation[] = [await chooser.next()];
    if (step % REOPEN_EVERY === 0) chosen.push({ do: 'reopen', tenant: 'default' });
    if (step % DUMP_EVERY === 0) {
      chosen.push(...TENANTS.map((tenant): Operation => ({ do: 'dump', tenant, tasks: chooser.tasks.known(tenant) })));
      // Any engine may announce an expiry first; after a sweep both have announced all of them.
      chosen.push({ do: 'sweep', tenant: 'default' });
      chosen.push(...TENANTS.map((tenant): Operation => ({ do: 'feed', tenant })));
    }
    for (const operation of chosen) {
      if (operation.do === 'advance') {
        clock.advance(operation.ms);
      } else if (operation.do === 'reopen') {
        await reference.reopen?.();
        await other.reopen?.();
      } else if (operation.do === 'feed') {
        const replies = await feeds.compare(operation.tenant);
        if (replies !== undefined) return { seed, step, operation, replies };
      } else {
        const [expected, actual] = await both(operation, reference.engine, other.engine);
        chooser.learn(operation, expected);
        if (!isSame(expected, actual) && !isLeftOpen(operation, expected, actual)) {
          return { seed, step, operation, replies: { [reference.name]: expected, [other.name]: actual } };
        }
      }
    }
  }
  return undefined;
}

async function both(operation: Operation, reference: Engine, other: Engine): Promise<[Reply, Reply]> {
  if (operation.do !== 'together') return [await perform(reference, operation), await perform(other, operation)];
  const expected: Reply[] = [];
  for (const one of operation.operations) expected.push(await perform(reference, one));
  const actual = await Promise.all(operation.operations.map((one) => perform(other, one)));
  return [{ value: expected }, { value: actual }];
}

/**
 * Of several invalid parts of a commit, the first is named. Whether an edit runs at its place or after all expectations is up to
 * the engine, so two different refusals may be equal.
 */
function isLeftOpen(operation: Operation, one: Reply, other: Reply): boolean {
  if (operation.do !== 'commit' || one.error === undefined || other.error === undefined) return false;
  const { puts = [], patches = [], deletes = [], touches = [] } = operation.commit;
  const isMixed = patches.length > 0 && puts.length + patches.length + deletes.length + touches.length > 1;
  return isMixed && isOfEdit(one.error) !== isOfEdit(other.error);
}

const EDIT_CODES = ['STATE_TOO_LARGE', 'JSON_REFUSED', 'COMMIT_TOO_LARGE'];

function isOfEdit(error: object): boolean {
  return !('code' in error) || EDIT_CODES.includes(error.code as string);
}

export function explain({ seed, step, operation, replies }: Difference): string {
  const answers = Object.entries(replies).map(([name, reply]) => `${name} answered ${JSON.stringify(reply, null, 1)}`);
  const [one, two] = Object.values(replies);
  return [
    `First difference: ${firstDifference(plain(one), plain(two), '')}`,
    `The engines differ (seed ${seed}, step ${step}; repeat with WAYMARK_FUZZ_SEED=${seed})`,
    `operation ${JSON.stringify(operation, null, 1)}`,
    ...answers,
  ].join('\n');
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null));
}

/** The first difference of two values, as a pointer and both sides. */
function firstDifference(one: unknown, two: unknown, path: string): string | undefined {
  if (isDeepStrictEqual(one, two)) return undefined;
  if (typeof one !== 'object' || typeof two !== 'object' || one === null || two === null) {
    return `${path}: ${JSON.stringify(one)} and ${JSON.stringify(two)}`;
  }
  const names = new Set([...Object.keys(one), ...Object.keys(two)]);
  for (const name of names) {
    const found = firstDifference(Reflect.get(one, name), Reflect.get(two, name), `${path}/${name}`);
    if (found !== undefined) return found;
  }
  return path;
}
