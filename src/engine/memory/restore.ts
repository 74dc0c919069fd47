import type { WorkflowIndex } from '../workflow-index.js';
import type { Earlier, Entry } from './entry.js';
import type { Journal, JournalChange } from './journal.js';
import type { TenantData } from './memory-engine.js';

/** Fills empty collections with what a journal holds. Index values are worked out anew: which fields are indexed may have changed. */
export function restoreFrom(journal: Journal, index: WorkflowIndex, tenantOf: (name: string) => TenantData): void {
  const histories = new Map<string, { readonly tenant: string; readonly id: string; readonly versions: Earlier[] }>();
  for (const record of journal.read()) {
    if (record.value !== undefined) restoreRecord(record, index, tenantOf, histories);
  }
  for (const { tenant, id, versions } of histories.values()) {
    const { workflows } = tenantOf(tenant);
    const entry = workflows.get(id);
    if (entry === undefined) continue;
    workflows.replace(id, entry, { ...entry, history: versions.sort((a, b) => b.version - a.version) });
  }
}

function restoreRecord(
  record: JournalChange,
  index: WorkflowIndex,
  tenantOf: (name: string) => TenantData,
  histories: Map<string, { readonly tenant: string; readonly id: string; readonly versions: Earlier[] }>,
): void {
  const { workflows, outcomes } = tenantOf(record.tenant);
  switch (record.kind) {
    case 'workflow': {
      const value = record.value as NonNullable<typeof record.value>;
      const bytes = Buffer.byteLength(value.state);
      const entry: Entry = { ...value, bytes, index: index.ofState(value.state), history: [] };
      workflows.replace(record.id, undefined, entry);
      break;
    }
    case 'version': {
      const key = `${record.tenant}\0${record.id}`;
      const history = histories.get(key) ?? { tenant: record.tenant, id: record.id, versions: [] };
      history.versions.push(record.value as Earlier);
      histories.set(key, history);
      break;
    }
    case 'outcome':
      outcomes.replace(record.key, record.value);
  }
}
