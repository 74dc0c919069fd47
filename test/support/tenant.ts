import type { Commit, CommittedWorkflow, Edit, Expect, Once, Outcome, Ttl } from '../../src/engine/commit.js';
import type { Engine, Filter, ListPage, ListQuery, VersionPage } from '../../src/engine/engine.js';
import type { VersionRecord, WorkflowMeta, WorkflowRecord } from '../../src/engine/records/workflow-meta.js';
import { once, patch, put, putText, remove, touch, type PatchOptions, type PutOptions } from './parts.js';

export type Parts = Omit<Commit, 'once'>;

/** One tenant of an engine, with short methods for frequent calls. */
export class TestTenant {
  constructor(
    readonly engine: Engine,
    readonly name: string,
  ) {}

  commit(parts: Parts, given?: Partial<Once>): Promise<Outcome> {
    return this.engine.commit(this.name, { once: once(given), ...parts });
  }

  put(id: string, state: unknown = {}, options?: PutOptions): Promise<CommittedWorkflow> {
    return this.#only({ puts: [put(id, state, options)] });
  }

  putText(id: string, state: string, options?: PutOptions): Promise<CommittedWorkflow> {
    return this.#only({ puts: [putText(id, state, options)] });
  }

  patch(id: string, edit: Edit, options?: PatchOptions): Promise<CommittedWorkflow> {
    return this.#only({ patches: [patch(id, edit, options)] });
  }

  touch(id: string, ttl: Ttl, expect?: Expect): Promise<CommittedWorkflow> {
    return this.#only({ touches: [touch(id, ttl, expect)] });
  }

  async delete(id: string, expect?: Expect): Promise<void> {
    await this.commit({ deletes: [remove(id, expect)] });
  }

  find(id: string): Promise<WorkflowRecord | undefined> {
    return this.engine.find(this.name, id);
  }

  /** @throws Error when there is no such workflow. */
  async get(id: string): Promise<WorkflowRecord> {
    const record = await this.find(id);
    if (record === undefined) throw new Error(`Workflow ${id} is not there`);
    return record;
  }

  async state(id: string): Promise<unknown> {
    return JSON.parse((await this.get(id)).state) as unknown;
  }

  list(query: Partial<ListQuery> = {}): Promise<ListPage> {
    return this.engine.list(this.name, { ...wholeList, ...query });
  }

  /** Ids of all pages. */
  async ids(query: Partial<ListQuery> = {}): Promise<string[]> {
    return (await this.pages(query)).flat();
  }

  async pages(query: Partial<ListQuery> = {}): Promise<string[][]> {
    const pages: string[][] = [];
    for await (const page of this.walk(query)) pages.push(page.items.map(({ id }) => id));
    return pages;
  }

  /** Page by page: code in the caller's loop runs between two requests. */
  async *walk(query: Partial<ListQuery> = {}): AsyncGenerator<ListPage> {
    let after = query.after;
    do {
      const page = await this.list({ ...query, ...(after && { after }) });
      yield page;
      after = page.next;
    } while (after !== undefined);
  }

  count(filter: Filter = {}): Promise<number> {
    return this.engine.count(this.name, filter);
  }

  /** All kept versions with their states, newest first. */
  async versions(id: string): Promise<readonly VersionRecord[]> {
    const versions: VersionRecord[] = [];
    for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null;) {
      const page: VersionPage | undefined = await this.engine.listVersions(this.name, id, {
        limit: 1000,
        includeState: true,
        before,
      });
      if (page === undefined) throw new Error(`Workflow ${id} is not there`);
      versions.push(...page.versions);
      before = page.nextBefore;
    }
    return versions;
  }

  async #only(parts: Parts): Promise<CommittedWorkflow> {
    const { workflows } = await this.commit(parts);
    if (workflows.length !== 1) throw new Error(`One workflow was committed and ${workflows.length} came back`);
    return workflows[0] as CommittedWorkflow;
  }
}

const wholeList: ListQuery = { filter: {}, sort: 'createdAt', limit: 1000, includeState: false };

/** Only the fields of the contract: objects of an engine may have more. */
export function metaOf({
  id,
  incarnation,
  version,
  check,
  createdAtMs,
  updatedAtMs,
  deadlineMs,
}: WorkflowMeta): WorkflowMeta {
  return { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs };
}

export function versionOf(version: VersionRecord): VersionRecord {
  const { about, bytes, state } = version;
  return { ...metaOf(version), about, bytes, ...(state !== undefined && { state }) };
}

export interface DumpedWorkflow extends WorkflowRecord {
  readonly versions: readonly VersionRecord[];
}

/** Everything readable of a tenant, sorted. Equal dumps mean the same data. */
export async function dump(engine: Engine, name: string): Promise<DumpedWorkflow[]> {
  const tenant = new TestTenant(engine, name);
  const dumped: DumpedWorkflow[] = [];
  for (const id of await tenant.ids()) {
    const record = await tenant.get(id);
    const versions = (await tenant.versions(id)).map(versionOf);
    dumped.push({ ...metaOf(record), state: record.state, versions });
  }
  return dumped.sort((a, b) => (a.id < b.id ? -1 : 1));
}
