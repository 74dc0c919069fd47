import { randomUUID } from 'node:crypto';
import { arrayNode, fromValue } from '../../src/json/document.js';
import type { Commit, Delete, Edit, Once, Patch, Put, Touch } from '../../src/engine/commit.js';
import { MIN_RETRY_WINDOW_MS } from '../../src/engine/commit.js';
import type { EngineOptions } from '../../src/engine/engine.js';
import { WorkflowIndex } from '../../src/engine/workflow-index.js';

export const TENANT = 'default';

export const engineOptions: EngineOptions = {
  defaultTtlMs: 86_400_000,
  maxStateBytes: 1024 * 1024,
  historyLimit: 50,
  historyMaxBytes: 1024 * 1024,
  tasks: {
    maxOpen: 1000,
    maxBytes: 2 ** 30,
    resultMs: 3_600_000,
    progressMs: 600_000,
    deadMs: 604_800_000,
    maxDead: 1000,
  },
};

export const workflowIndex = new WorkflowIndex(['/status', '/user_id']);

/** A commit with a random once key, as the service makes one for each request. */
export function commitOf(parts: Omit<Commit, 'once'>, once: Partial<Once> = {}): Commit {
  return { once: { key: randomUUID(), fingerprint: 'same', keepMs: MIN_RETRY_WINDOW_MS, ...once }, ...parts };
}

export function putOf(id: string, value: unknown, part: Partial<Put> = {}): Put {
  const state = JSON.stringify(value);
  return {
    id,
    incarnation: randomUUID().slice(0, 8),
    state,
    index: workflowIndex.ofState(state),
    ttl: 'keep',
    about: { by: 'test', cause: 'put', changed: null },
    ...part,
  };
}

export function patchOf(id: string, edit: Edit, part: Partial<Patch> = {}): Patch {
  return { id, edit, ttl: 'keep', by: 'test', ...part };
}

/** Sets members of the state. */
export function setting(members: Readonly<Record<string, unknown>>): Edit {
  return {
    cause: 'patch',
    apply: (document) => ({
      document: Object.entries(members).reduce(
        (node, [name, value]) => node.withMember(name, fromValue(value)),
        document,
      ),
      changed: Object.keys(members).map((name) => `/${name}`),
    }),
  };
}

/** Appends to the list at the member `log`. */
export function appending(value: unknown): Edit {
  return {
    cause: 'log',
    apply: (document) => {
      const items = document.get('log')?.items() ?? [];
      const list = arrayNode([...items, fromValue(value)]);
      return { document: document.withMember('log', list), changed: ['/log/-'] };
    },
  };
}

export const put = (...args: Parameters<typeof putOf>): Commit => commitOf({ puts: [putOf(...args)] });
export const patch = (...args: Parameters<typeof patchOf>): Commit => commitOf({ patches: [patchOf(...args)] });
export const remove = (id: string, part: Partial<Delete> = {}): Commit => commitOf({ deletes: [{ id, ...part }] });
export const touch = (id: string, ttl: Touch['ttl']): Commit => commitOf({ touches: [{ id, ttl }] });
