import { isDeepStrictEqual } from 'node:util';
import type { Commit, Edit, Outcome } from '../../../src/engine/commit.js';
import type { Engine, VersionLookup } from '../../../src/engine/engine.js';
import type { QueueRecord } from '../../../src/engine/task-queues.js';
import { VersionConflictError } from '../../../src/engine/errors.js';
import type { WorkflowRecord } from '../../../src/engine/records/workflow-meta.js';
import { ServiceError } from '../../../src/service-error.js';
import {
  append,
  failing,
  EditFailedError,
  increment,
  jsonPatch,
  merge,
  replaceBy,
  stamp,
} from '../../support/edits.js';
import { queueNames } from '../../support/tasks.js';
import { dump, metaOf, TestTenant, versionOf } from '../../support/tenant.js';
import type { CommitSpec, EditSpec, Operation } from './operation.js';

/** Answer of an engine as plain values that can be compared and printed. `flaw`: wrong by itself, whatever the other engine answers. */
export interface Reply {
  readonly value?: unknown;
  readonly error?: object;
  readonly flaw?: string;
}

export async function perform(engine: Engine, operation: Operation): Promise<Reply> {
  try {
    return await answer(engine, operation);
  } catch (error) {
    return { error: plainError(error) };
  }
}

async function answer(engine: Engine, operation: Operation): Promise<Reply> {
  const { tenant } = operation;
  switch (operation.do) {
    case 'commit':
      return { value: plainOutcome(await engine.commit(tenant, commitOf(operation.commit))) };
    case 'burst':
      return {
        value: await Promise.all(
          operation.commits.map((commit) =>
            engine.commit(tenant, commitOf(commit)).then(plainOutcome, (error: unknown) => plainError(error)),
          ),
        ),
      };
    case 'findOutcome': {
      const outcome = await engine.findOutcome(tenant, operation.key, operation.fingerprint);
      return { value: outcome && plainOutcome(outcome) };
    }
    case 'find':
      return { value: plainRecord(await engine.find(tenant, operation.id)) };
    case 'findMany':
      return { value: (await engine.findMany(tenant, operation.ids)).map(plainRecord) };
    case 'list':
      return wholeList(engine, operation);
    case 'count':
      return { value: await engine.count(tenant, operation.filter) };
    case 'listVersions': {
      const page = await engine.listVersions(tenant, operation.id, operation.query);
      return { value: page && { ...page, versions: page.versions.map(versionOf) } };
    }
    case 'findVersion':
      return { value: plainLookup(await engine.findVersion(tenant, operation.id, operation.version)) };
    case 'sweep':
      return { value: await sweepAll(engine) };
    case 'claim': {
      const { tasks, nextDueInMs, isPaused } = await engine.tasks.claim(tenant, operation.claim, operation.key);
      return { value: { tasks, nextDueInMs, isPaused } };
    }
    case 'step':
      return { value: await engine.tasks.step(tenant, operation.step, operation.once) };
    case 'findTask':
      return { value: await engine.tasks.find(tenant, operation.id) };
    case 'tasksOf':
      return { value: await engine.tasks.listOfWorkflow(tenant, operation.workflowId, 20) };
    case 'dead':
      // Tasks that ended at the same moment have no order among each other.
      return { value: (await engine.tasks.listDead(tenant, operation.queue, 100)).toSorted(byId) };
    case 'replayDead': {
      const { queue, which, options, once } = operation;
      return { value: await engine.tasks.replayDead(tenant, queue, which, options, once) };
    }
    case 'purgeDead':
      return { value: await engine.tasks.purgeDead(tenant, operation.queue, operation.which, operation.once) };
    case 'pause':
      return { value: await engine.tasks.pause(tenant, operation.queue, operation.isPaused) };
    case 'queue':
      return { value: plainQueue(await engine.tasks.findQueue(tenant, operation.queue)) };
    case 'progress':
      return { value: await engine.tasks.readProgress(tenant, operation.id, operation.after, operation.limit) };
    case 'dump':
      return { value: [await dump(engine, tenant), await dumpTasks(engine, tenant, operation.tasks)] };
    case 'together':
    case 'advance':
    case 'feed':
    case 'reopen':
      throw new Error('This is not for an engine alone');
  }
}

async function dumpTasks(engine: Engine, tenant: string, ids: readonly string[]): Promise<unknown> {
  const names = await queueNames(engine, tenant);
  const queues = await Promise.all(names.map((name) => engine.tasks.findQueue(tenant, name)));
  const tasks = await Promise.all(ids.map((id) => engine.tasks.find(tenant, id)));
  const progress = await Promise.all(ids.map((id) => engine.tasks.readProgress(tenant, id, 0, 100)));
  const board = await engine.readBoard(tenant, 'b');
  return { queues: queues.map(plainQueue), tasks, progress, board };
}

/** Removes fields that engines may differ in: totals count from the start of an engine, and the last sight of a worker is approximate. */
function plainQueue({ totals: _totals, perMinute: _rates, workers: _workers, ...queue }: QueueRecord): unknown {
  return queue;
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

/** The bound of one sweep is up to the engine; this many calls exceed any bound. */
async function sweepAll(engine: Engine): Promise<number> {
  let swept = 0;
  for (let i = 0; i < 6; i++) swept += await engine.sweep();
  return swept;
}

/** All pages together: the size of pages, and an empty last one, are up to the engine. */
async function wholeList(
  engine: Engine,
  { tenant, filter, sort, limit, includeState }: Extract<Operation, { do: 'list' }>,
): Promise<Reply> {
  const items = [];
  for await (const page of new TestTenant(engine, tenant).walk({ filter, sort, limit, includeState })) {
    if (page.items.length > limit) return { flaw: `a page of ${page.items.length} at a limit of ${limit}` };
    for (const item of page.items) items.push({ ...metaOf(item), ...('state' in item && { state: item.state }) });
    if (items.length > 1000) return { flaw: 'a list without end' };
  }
  const count = await engine.count(tenant, filter);
  if (count !== items.length) return { flaw: `${items.length} are listed and ${count} counted` };
  if (new Set(items.map(({ id }) => id)).size !== count) return { flaw: 'one is listed twice' };
  return { value: items };
}

function commitOf({ patches, ...parts }: CommitSpec): Commit {
  return {
    ...parts,
    ...(patches && { patches: patches.map((patch) => ({ ...patch, edit: editOf(patch.edit) })) }),
  };
}

function editOf(spec: EditSpec): Edit {
  switch (spec.edit) {
    case 'merge':
      return merge(spec.patch);
    case 'json-patch':
      return jsonPatch(spec.operations);
    case 'append':
      return append(spec.list, spec.item);
    case 'increment':
      return increment;
    case 'stamp':
      return stamp;
    case 'replace':
      return replaceBy(spec.text);
    case 'fail':
      return failing(new EditFailedError(spec.message));
  }
}

function plainOutcome({ replayed, workflows, eventIds, ...rest }: Outcome): unknown {
  return {
    ...(eventIds && { events: eventIds.length }),
    replayed,
    workflows: workflows.map((workflow) => ({
      ...metaOf(workflow),
      created: workflow.created,
      ...('state' in workflow && { state: workflow.state }),
    })),
    ...rest,
  };
}

function plainRecord(record: WorkflowRecord | undefined): unknown {
  return record && { ...metaOf(record), state: record.state };
}

function plainLookup(lookup: VersionLookup): unknown {
  return lookup.found === 'version' ? { ...lookup, version: versionOf(lookup.version) } : lookup;
}

function plainError(error: unknown): object {
  if (!(error instanceof Error)) return { thrown: error };
  const { name, message } = error;
  if (!(error instanceof ServiceError)) return { name, message };
  const { code, extensions } = error;
  const current = error instanceof VersionConflictError && error.current ? metaOf(error.current) : undefined;
  return { name, message, code, extensions, ...(current && { current }) };
}

/** Equal as JSON: objects that a native module reads from the disk may have prototypes of another realm. */
export function isSame(one: Reply, other: Reply): boolean {
  return one.flaw === undefined && other.flaw === undefined && isDeepStrictEqual(plain(one), plain(other));
}

function plain(reply: Reply): unknown {
  return JSON.parse(JSON.stringify(reply));
}
