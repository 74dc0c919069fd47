import type { Moving, Stamped } from '../engine/moving/moving.js';

/** The stamps of one id in two stores; undefined means absent. */
export interface Pair {
  readonly id: string;
  readonly source: Stamped | undefined;
  readonly target: Stamped | undefined;
}

const STAMPS_PER_PAGE = 1000;

/** Workflows of both stores, merged in the order of their ids, with one page of each in memory. */
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

/** Tasks have no common order, so all stamps are in memory. The source is read last, to see its current state. */
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

/** Requests the next page while the current one is processed. */
export async function* workflowsOf(moving: Moving, tenant: string): AsyncGenerator<Stamped> {
  let page = moving.listWorkflows(tenant, undefined, STAMPS_PER_PAGE);
  for (;;) {
    const { items, next } = await page;
    if (next !== undefined) {
      page = moving.listWorkflows(tenant, next, STAMPS_PER_PAGE);
      // Marks the rejection as handled; the await of the page still gets it.
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
