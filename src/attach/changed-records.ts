import type { RecordKind } from '../engine/moving/moved.js';

/** Records that changed since they were last copied. */
export class ChangedRecords {
  #records = new Map<string, { readonly tenant: string; readonly kind: RecordKind; readonly ids: Set<string> }>();
  #outcomes = new Map<string, Set<string>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  note(tenant: string, kind: RecordKind | 'outcome', id: string): void {
    if (kind === 'outcome') {
      const keys = this.#outcomes.get(tenant) ?? new Set();
      this.#outcomes.set(tenant, keys.add(id));
      return;
    }
    const name = `${kind} ${tenant}`;
    let group = this.#records.get(name);
    if (group === undefined) this.#records.set(name, (group = { tenant, kind, ids: new Set() }));
    const before = group.ids.size;
    group.ids.add(id);
    this.#size += group.ids.size - before;
  }

  /** Returns all records and clears the set. Tasks come before workflows, because putting a task changes its workflow's deadline. */
  take() {
    const order: readonly RecordKind[] = ['queue', 'task', 'workflow'];
    const records = [...this.#records.values()]
      .map(({ tenant, kind, ids }) => ({ tenant, kind, ids: [...ids] }))
      .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    const outcomes = this.#outcomes;
    this.#records = new Map();
    this.#outcomes = new Map();
    this.#size = 0;
    return { records, outcomes };
  }
}
