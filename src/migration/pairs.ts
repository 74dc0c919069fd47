import type { Moving, Stamped } from '../engine/moving/moving.js';

/** The same id in two stores; undefined stands for not being there. */
export interface Pair {
  readonly id: string;
  readonly source: Stamped | undefined;
  readonly target: Stamped | undefined;
}

const STAMPS_AT_ONCE = 1000;

/** All workflows of both stores side by side, in the order of their ids, with one page of each in memory. */
export async function* workflowPairs(from: Moving, to: Moving, tenant: string): AsyncGenerator<Pair> {
  const sources = workflowsOf(from, tenant);
  const targets = workflowsOf(to, tenant);
  let [source, target] = await Promise.all([nextOf(sources), nextOf(targets)]);
  while (source !== undefined || target !== undefined) {
    if (target === undefined || (source !== undefined && source.id < target.id)) {
      yield { id: (source as Stamped).id, source, target: undefined };
      source = await nextOf(sources);
    } else if (source === undefined || target.id < source.id) {
      yield { id: target.id, source: undefined, target };
      target = await nextOf(targets);
    } else {
      yield { id: source.id, source, target };
      [source, target] = await Promise.all([nextOf(sources), nextOf(targets)]);
    }
  }
}

/** Tasks have no common order; their stamps are few bytes each. The source is looked at last: what moved meanwhile shows as it is now. */
export async function* taskPairs(from: Moving, to: Moving, tenant: string): AsyncGenerator<Pair> {
  const targets = await tasksOf(to, tenant);
  const sources = await tasksOf(from, tenant);
  for (const source of sources.values()) yield { id: source.id, source, target: targets.get(source.id) };
  for (const target of targets.values()) {
    if (!sources.has(target.id)) yield { id: target.id, source: undefined, target };
  }
}

async function tasksOf(moving: Moving, tenant: string): Promise<Map<string, Stamped>> {
  const tasks = new Map<string, Stamped>();
  for await (const page of moving.listTasks(tenant)) for (const stamped of page) tasks.set(stamped.id, stamped);
  return tasks;
}

/** The next page is asked for while this one is being worked on. */
export async function* workflowsOf(moving: Moving, tenant: string): AsyncGenerator<Stamped> {
  let page = moving.listWorkflows(tenant, undefined, STAMPS_AT_ONCE);
  for (;;) {
    const { items, next } = await page;
    if (next !== undefined) {
      page = moving.listWorkflows(tenant, next, STAMPS_AT_ONCE);
      // Whoever waits for it hears of its failure; nobody may be waiting yet.
      page.catch(() => undefined);
    }
    yield* items;
    if (next === undefined) return;
  }
}

async function nextOf(stamps: AsyncGenerator<Stamped>): Promise<Stamped | undefined> {
  const { value, done } = await stamps.next();
  return done === true ? undefined : value;
}
