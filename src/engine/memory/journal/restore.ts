import type { Profiles } from '../../profile.js';
import type { WorkflowIndex } from '../../workflow-index.js';
import { NO_HISTORY, type Earlier, type Entry } from '../workflows/entry.js';
import { withState, type StoredMeta } from '../../records/workflow-meta.js';
import type { Journal } from './journal.js';
import { sequenceOf, type StoredTask } from '../../task.js';
import { tenantKey } from '../../tenant-key.js';
import { entryOf as taskEntryOf } from '../tasks/task-entry.js';
import type { TenantData, Tenants } from '../tenant-data.js';
import type { StoredText } from './text-store.js';

interface RestoredWorkflow {
  readonly tenant: string;
  readonly data: TenantData;
  readonly meta: StoredMeta;
  readonly versions: Earlier[];
}

interface RestoredTask {
  readonly data: TenantData;
  readonly task: StoredTask;
  readonly texts: { payload?: StoredText; result?: StoredText };
}

/**
 * Fills empty collections from a journal. Expired workflows are restored too: the sweep then removes their records.
 * Index values are computed again, because the indexed fields may have changed.
 */
export function restoreFrom(journal: Journal, profiles: Profiles, tenants: Tenants): void {
  const { texts } = tenants;
  const workflows = new Map<string, RestoredWorkflow>();
  const tasks = new Map<string, RestoredTask>();
  for (const record of journal.read()) {
    if (record.value === undefined) continue;
    const data = tenants.get(record.tenant);
    switch (record.kind) {
      case 'workflow':
        workflows.set(tenantKey(record.tenant, record.id), {
          tenant: record.tenant,
          data,
          meta: record.value,
          versions: [],
        });
        break;
      case 'version':
        workflows
          .get(tenantKey(record.tenant, record.id))
          ?.versions.push(withState(record.value, texts.addBytes(record.value.state)));
        break;
      case 'outcome':
        data.outcomes.set(record.key, record.value);
        break;
      case 'task':
        tasks.set(tenantKey(record.tenant, record.id), { data, task: record.value, texts: {} });
        break;
      case 'text': {
        const restored = tasks.get(tenantKey(record.tenant, record.id));
        if (restored !== undefined) restored.texts[record.which] = texts.addBytes(record.value);
        break;
      }
      case 'progress':
        data.tasks.setProgress(record.id, [...data.tasks.progressOf(record.id), record.value]);
        break;
      case 'dedupe':
        data.tasks.setDedupe(record.key, record.value);
        break;
      case 'event':
        data.feed.restore({ number: record.number, event: record.value });
        break;
      case 'queue':
        data.tasks.queue(record.name).isPaused = record.value.isPaused;
        break;
      case 'board':
        data.boards.set(record.name, record.value);
    }
  }
  for (const { tenant, data, meta, versions } of workflows.values()) {
    data.workflows.replace(meta.id, undefined, entryOf(meta, versions, profiles.of(tenant).index));
  }
  for (const restored of tasks.values()) restoreTask(restored);
}

function entryOf(meta: StoredMeta, versions: Earlier[], index: WorkflowIndex): Entry {
  const [current, ...history] = versions.sort((a, b) => b.version - a.version);
  if (current?.version !== meta.version) {
    throw new Error(`The journal is damaged: workflow ${meta.id} has no record of its version ${meta.version}`);
  }
  const { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs, ttlMs } = meta;
  // No spread: each spread object would get a hidden class of its own, and there may be a million.
  return {
    id,
    incarnation,
    version,
    check,
    createdAtMs,
    updatedAtMs,
    deadlineMs,
    ttlMs,
    state: current.state,
    about: current.about,
    index: index.ofState(current.state.toString()),
    isTouched: current.deadlineMs !== deadlineMs,
    commit: 0,
    history: history.length === 0 ? NO_HISTORY : history,
  };
}

function restoreTask({ data, task, texts }: RestoredTask): void {
  const entry = taskEntryOf(task, texts.payload, texts.result, 0);
  data.tasks.replace(entry.id, undefined, entry);
  const queue = data.tasks.queue(entry.queue);
  queue.sequence = Math.max(queue.sequence, sequenceOf(entry.place));
}
