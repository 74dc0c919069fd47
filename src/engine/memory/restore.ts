import type { WorkflowMeta } from '../records.js';
import type { WorkflowIndex } from '../workflow-index.js';
import { NO_HISTORY, type Earlier, type Entry } from './entry.js';
import type { Journal, JournaledVersion } from './journal.js';
import type { Tenants } from './tenant-data.js';
import type { TextStore } from './text-store.js';

interface Restored {
  readonly tenant: string;
  readonly meta: WorkflowMeta;
  readonly versions: Earlier[];
}

/**
 * Fills empty collections with what a journal holds; what has expired meanwhile too, for the sweep removes it with its records.
 * Index values are worked out anew: which fields are indexed may have changed since.
 */
export function restoreFrom(journal: Journal, index: WorkflowIndex, tenants: Tenants): void {
  const restored = new Map<string, Restored>();
  for (const record of journal.read()) {
    if (record.value === undefined) continue;
    switch (record.kind) {
      case 'workflow':
        restored.set(keyOf(record), { tenant: record.tenant, meta: record.value, versions: [] });
        break;
      case 'version':
        restored.get(keyOf(record))?.versions.push(earlierOf(record.value, tenants.texts));
        break;
      case 'outcome':
        tenants.get(record.tenant).outcomes.set(record.key, record.value);
    }
  }
  for (const { tenant, meta, versions } of restored.values()) {
    tenants.get(tenant).workflows.replace(meta.id, undefined, entryOf(meta, versions, index));
  }
}

function entryOf(meta: WorkflowMeta, versions: Earlier[], index: WorkflowIndex): Entry {
  const [current, ...history] = versions.sort((a, b) => b.version - a.version);
  if (current?.version !== meta.version) {
    throw new Error(`The journal is damaged: workflow ${meta.id} has no record of its version ${meta.version}`);
  }
  const { about, state, deadlineMs } = current;
  const isTouched = deadlineMs !== meta.deadlineMs;
  const { id, incarnation, version, createdAtMs, updatedAtMs } = meta;
  const values = index.ofState(state.toString());
  // Spelled out: objects made by spreading get a shape of their own each, and there may be a million.
  return {
    id,
    incarnation,
    version,
    createdAtMs,
    updatedAtMs,
    deadlineMs: meta.deadlineMs,
    state,
    about,
    index: values,
    isTouched,
    commit: 0,
    history: history.length === 0 ? NO_HISTORY : history,
  };
}

function earlierOf({ version, updatedAtMs, deadlineMs, about, state }: JournaledVersion, texts: TextStore): Earlier {
  return { version, updatedAtMs, deadlineMs, about, state: texts.addBytes(state) };
}

function keyOf({ tenant, id }: { readonly tenant: string; readonly id: string }): string {
  return `${tenant}\0${id}`;
}
