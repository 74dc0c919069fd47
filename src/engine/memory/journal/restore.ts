import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IndexValues } from '../../commit.js';
import type { Profiles } from '../../profile.js';
import { withState, type About } from '../../records/workflow-meta.js';
import { sequenceOf, type StoredTask } from '../../task.js';
import { NO_HISTORY, type Earlier } from '../workflows/entry.js';
import { entryOf as taskEntryOf } from '../tasks/task-entry.js';
import type { TenantData, Tenants } from '../tenant-data.js';
import type { WorkflowIndex } from '../../workflow-index.js';
import type { Journal, JournalChange, JournaledVersion, JournaledWorkflow } from './journal.js';
import type { StoredText } from './text-store.js';

/** Records that are restored in one turn of the event loop, so that probes are answered meanwhile. */
const RECORDS_PER_TURN = 1000;

/** A workflow whose versions are being read. */
interface OpenWorkflow {
  readonly tenant: string;
  readonly meta: JournaledWorkflow;
  /** Oldest first. */
  readonly versions: Earlier[];
}

/** A task whose texts are being read. */
interface OpenTask {
  readonly tenant: string;
  readonly task: StoredTask;
  readonly texts: { payload?: StoredText; result?: StoredText };
}

/** Fills empty collections from a journal. Expired workflows are restored too: the sweep then removes their records. */
export async function restoreFrom(journal: Journal, profiles: Profiles, tenants: Tenants): Promise<void> {
  const restoring = new Restoring(profiles, tenants);
  let records = 0;
  for (const record of journal.read()) {
    restoring.take(record);
    if (++records % RECORDS_PER_TURN === 0) await nextTurn();
  }
  restoring.finish();
  for (const [, { workflows }] of tenants) {
    for (const _step of workflows.indexLoaded()) if (records >= RECORDS_PER_TURN) await nextTurn();
  }
}

class Restoring {
  #workflow: OpenWorkflow | undefined;
  #task: OpenTask | undefined;
  #about: About = { by: '', cause: 'put', changed: null };

  constructor(
    private readonly profiles: Profiles,
    private readonly tenants: Tenants,
  ) {}

  take(record: JournalChange): void {
    if (record.value === undefined) return;
    const { tenant } = record;
    const data = this.tenants.get(tenant);
    switch (record.kind) {
      case 'workflow':
        this.finish();
        this.#workflow = { tenant, meta: record.value, versions: [] };
        return;
      case 'version':
        if (this.#workflow?.meta.id === record.id && this.#workflow.tenant === tenant)
          this.#workflow.versions.push(this.#versionOf(record.value));
        return;
      case 'task':
        this.finish();
        this.#task = { tenant, task: record.value, texts: {} };
        return;
      case 'text':
        if (this.#task?.task.id === record.id && this.#task.tenant === tenant)
          this.#task.texts[record.which] = this.tenants.texts.addBytes(record.value);
        return;
      case 'outcome':
        return data.outcomes.set(record.key, record.value);
      case 'progress':
        return data.tasks.setProgress(record.id, [...data.tasks.progressOf(record.id), record.value]);
      case 'dedupe':
        return data.tasks.setDedupe(record.key, record.value);
      case 'event':
        return data.feed.restore({ number: record.number, event: record.value });
      case 'queue':
        data.tasks.queue(record.name).isPaused = record.value.isPaused;
        return;
      case 'board':
        data.boards.set(record.name, record.value);
    }
  }

  /** Adds the workflow or task that was read last. */
  finish(): void {
    if (this.#workflow !== undefined) this.#addWorkflow(this.#workflow);
    if (this.#task !== undefined) addTask(this.#task, this.tenants.get(this.#task.tenant));
    this.#workflow = undefined;
    this.#task = undefined;
  }

  #versionOf(version: JournaledVersion): Earlier {
    const about = isSamePlain(version.about, this.#about) ? this.#about : (this.#about = version.about);
    return withState({ ...version, about }, this.tenants.texts.addBytes(version.state));
  }

  #addWorkflow({ tenant, meta, versions }: OpenWorkflow): void {
    const { workflows } = this.tenants.get(tenant);
    versions.reverse();
    const [current, ...history] = versions;
    const { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs, ttlMs } = meta;
    if (current?.version !== version) {
      throw new Error(`The journal is damaged: workflow ${id} has no record of its version ${version}`);
    }
    // No spread: each spread object would get a hidden class of its own, and there may be a million.
    workflows.load({
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
      index: indexValuesOf(meta, current.state, this.profiles.of(tenant).index, workflows),
      isTouched: current.deadlineMs !== deadlineMs,
      commit: 0,
      history: history.length === 0 ? NO_HISTORY : history,
    });
  }
}

/** The values as the journal has them, or found in the state again if the indexed fields have changed. */
function indexValuesOf(
  { index: kept }: JournaledWorkflow,
  state: StoredText,
  index: WorkflowIndex,
  workflows: Pick<TenantData['workflows'], 'shared'>,
): IndexValues {
  const found = (kept && index.ofKept(kept)) ?? index.ofState(state.toString());
  const values: Record<string, string> = {};
  for (const field in found) values[field] = workflows.shared(field, found[field] as string);
  return values;
}

/** True if both say the same, without details: a million workflows share one such object. */
function isSamePlain(about: About, other: About): boolean {
  return (
    about.by === other.by &&
    about.cause === other.cause &&
    about.changed === null &&
    other.changed === null &&
    !('note' in about || 'taskId' in about || 'note' in other || 'taskId' in other)
  );
}

function addTask({ task, texts }: OpenTask, { tasks }: TenantData): void {
  const entry = taskEntryOf(task, texts.payload, texts.result, 0);
  tasks.replace(entry.id, undefined, entry);
  const queue = tasks.queue(entry.queue);
  queue.sequence = Math.max(queue.sequence, sequenceOf(entry.place));
}
