import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import {
  committedWorkflow,
  type CommittedWorkflow,
  type Edit,
  type Expect,
  type IndexValues,
  type Once,
  type Outcome,
  ownOnce,
  type Ttl,
} from '../engine/commit.js';
import {
  type Cause,
  type VersionRecord,
  type WorkflowMeta,
  type WorkflowRecord,
  etagOf,
} from '../engine/records/workflow-meta.js';
import {
  Engine,
  type Filter,
  type ListPage,
  type ListQuery,
  type VersionPage,
  type VersionQuery,
} from '../engine/engine.js';
import { VersionConflictError, WorkflowNotFoundError } from '../engine/errors.js';
import { PAGE_BYTES } from '../engine/limits.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { diffInTurns } from '../json/diff.js';
import { parseDocument } from '../json/document.js';
import { waitForChange } from '../waiting/wait-for-change.js';
import { newIncarnation } from '../engine/new-incarnation.js';
import { newWorkflowId } from './identifiers.js';
import { VersionNotFoundError, VersionPrunedError, WorkflowExistsError } from './workflow-errors.js';

/** States that are in memory at once, beside those of the answer. */
const FOUND_AT_ONCE = 10;
const DELETED_AT_ONCE = 10;

/** Author, condition and once key of a write. */
export interface Write {
  readonly tenant: string;
  readonly by: string;
  readonly note: string | undefined;
  readonly once: Once;
  /** The once key is from the client, so an earlier request may already have written. */
  readonly keyed: boolean;
  readonly expect: Expect | undefined;
}

/** Valid state to write, with the values of its indexed fields. */
export interface Draft {
  readonly state: string;
  readonly index: IndexValues;
  readonly ttl: Ttl | undefined;
}

/** Outcome of a write. `state` is absent only in a replay of a request with `Prefer: return=minimal`. */
export interface Written {
  readonly workflow: WorkflowMeta & { readonly state?: string };
  readonly created: boolean;
  readonly replayed: boolean;
}

/** Further effects of a write, in the same atomic step. */
export interface Companions {
  /** Cancels the open tasks that name the workflow, leased ones too. */
  readonly cancelTasks: boolean;
}

const NONE: Companions = { cancelTasks: false };

export interface CopyOrigin {
  readonly id: string;
  readonly version: number;
}

export type Copied = Written & { readonly origin: CopyOrigin };

/**
 * Workflows with their states, history and conditions. Each writing method is one commit; the engine takes care of
 * versions, repeats and history.
 */
@Injectable()
export class DocumentWorkflowStore {
  constructor(
    private readonly engine: Engine,
    private readonly index: WorkflowIndex,
    private readonly config: Config,
  ) {}

  find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    return this.engine.find(tenant, id);
  }

  async get(tenant: string, id: string): Promise<WorkflowRecord> {
    const workflow = await this.engine.find(tenant, id);
    if (workflow === undefined) throw new WorkflowNotFoundError(id);
    return workflow;
  }

  /**
   * Workflows by id, in order; undefined for an absent one. Shorter than `ids` if the states have more bytes than a page:
   * the rest is not read.
   */
  async findPage(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    const found: (WorkflowRecord | undefined)[] = [];
    let bytes = 0;
    while (found.length < ids.length && bytes <= PAGE_BYTES) {
      const some = await this.engine.findMany(tenant, ids.slice(found.length, found.length + FOUND_AT_ONCE));
      for (const record of some) {
        bytes += record === undefined ? 0 : Buffer.byteLength(record.state);
        if (bytes > PAGE_BYTES && found.length > 0) break;
        found.push(record);
      }
    }
    return found;
  }

  list(tenant: string, query: ListQuery): Promise<ListPage> {
    return this.engine.list(tenant, query);
  }

  count(tenant: string, filter: Filter): Promise<number> {
    return this.engine.count(tenant, filter);
  }

  /**
   * Waits until the tag of the workflow is none of `known`, at most `waitMs` or until `signal` aborts.
   * @throws WorkflowNotFoundError if it does not exist, or is deleted meanwhile.
   */
  async getOther(
    tenant: string,
    id: string,
    known: readonly string[],
    waitMs: number,
    signal: AbortSignal,
  ): Promise<WorkflowRecord> {
    return waitForChange(
      {
        listen: (listener) => this.engine.onChange(tenant, `workflow ${id}`, listener),
        read: () => this.get(tenant, id),
        isEnough: (workflow) => !known.includes(etagOf(workflow)),
        changesAtMs: ({ deadlineMs }) => deadlineMs ?? undefined,
      },
      waitMs,
      signal,
    );
  }

  async create(id: string | undefined, draft: Draft, write: Write): Promise<Written> {
    const chosen = id ?? newWorkflowId(Date.now());
    try {
      const created = { ...write, expect: { exists: false } };
      return written(await this.#put(chosen, draft, created, 'put', id === undefined), draft.state);
    } catch (error) {
      throw error instanceof VersionConflictError ? new WorkflowExistsError(chosen) : error;
    }
  }

  async put(id: string, draft: Draft, write: Write): Promise<Written> {
    try {
      return written(await this.#put(id, draft, write, 'put'), draft.state);
    } catch (error) {
      const mustBeNew = write.expect !== undefined && 'exists' in write.expect && !write.expect.exists;
      throw mustBeNew && error instanceof VersionConflictError ? new WorkflowExistsError(id) : error;
    }
  }

  /** Applies the edit to the current state, atomically against concurrent writers. */
  async edit(
    id: string,
    edit: Edit,
    ttl: Ttl | undefined,
    write: Write,
    { cancelTasks }: Companions = NONE,
  ): Promise<Written> {
    const { tenant, by, note, once, expect } = write;
    const patch = {
      id,
      edit,
      by,
      ttl: this.#ttlOr(ttl),
      ...(expect && { expect }),
      ...(note !== undefined && { note }),
    };
    const commit = { once, patches: [patch], ...(cancelTasks && { cancelTasksOf: [id] }) };
    return this.#recalled(write, written(await this.engine.commit(tenant, commit)));
  }

  async delete(
    id: string,
    { tenant, once, expect }: Pick<Write, 'tenant' | 'once' | 'expect'>,
    { cancelTasks }: Companions,
  ): Promise<{ replayed: boolean }> {
    const deletes = [{ id, ...(expect && { expect }) }];
    return this.engine.commit(tenant, { once, deletes, ...(cancelTasks && { cancelTasksOf: [id] }) });
  }

  /**
   * Deletes workflows whose id starts with `idPrefix`, in the order of the ids, each in a commit of its own. One that another
   * writer deletes meanwhile is not counted.
   */
  async deleteSome(
    tenant: string,
    { idPrefix, limit }: { readonly idPrefix: string; readonly limit: number },
    { cancelTasks }: Companions,
  ): Promise<{ deleted: number; isComplete: boolean }> {
    const query = { filter: { idPrefix }, sort: 'id', limit, includeState: false } as const;
    const { items, next } = await this.engine.list(tenant, query);
    let deleted = 0;
    for (let at = 0; at < items.length; at += DELETED_AT_ONCE) {
      const gone = items.slice(at, at + DELETED_AT_ONCE).map(async ({ id }) => {
        try {
          await this.delete(id, { tenant, once: ownOnce(), expect: undefined }, { cancelTasks });
          deleted++;
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      });
      await Promise.all(gone);
    }
    return { deleted, isComplete: next === undefined };
  }

  async touch(id: string, ttl: Ttl | undefined, { tenant, once, expect }: Write): Promise<Written> {
    const touch = { id, ttl: this.#ttlOr(ttl), ...(expect && { expect }) };
    return written(await this.engine.commit(tenant, { once, touches: [touch] }));
  }

  async listVersions(tenant: string, id: string, query: VersionQuery): Promise<VersionPage> {
    const versions = await this.engine.listVersions(tenant, id, query);
    if (versions === undefined) throw new WorkflowNotFoundError(id);
    return versions;
  }

  async getVersion(tenant: string, id: string, version: number): Promise<VersionRecord & { readonly state: string }> {
    const lookup = await this.engine.findVersion(tenant, id, version);
    switch (lookup.found) {
      case 'version':
        return lookup.version;
      case 'pruned':
        throw new VersionPrunedError(id, version, lookup.oldest);
      case 'no-version':
        throw new VersionNotFoundError(id, version);
      case 'no-workflow':
        throw new WorkflowNotFoundError(id);
    }
  }

  /** Changes from one version to another: an RFC 6902 patch as JSON text. */
  async diff(
    tenant: string,
    id: string,
    from: number,
    to: number,
  ): Promise<{ operations: string; truncated: boolean }> {
    const [a, b] = await Promise.all([this.getVersion(tenant, id, from), this.getVersion(tenant, id, to)]);
    return diffInTurns(parseDocument(a.state), parseDocument(b.state), setImmediate);
  }

  /** Writes the state of an earlier version as the newest one. */
  async restore(id: string, version: number, write: Write): Promise<Written> {
    const known = await this.#earlier(write);
    if (known !== undefined) return this.#copied(write, known);
    const old = await this.getVersion(write.tenant, id, version);
    // Guard: the id may have been deleted and created again since the read.
    return this.#copy(old, id, 'restore', { ...write, expect: write.expect ?? { incarnation: old.incarnation } });
  }

  /** Creates a workflow from another one's state: that of `version`, or the current one. */
  async fork(source: string, target: string | undefined, version: number | undefined, write: Write): Promise<Copied> {
    const known = await this.#earlier(write);
    if (known !== undefined) return this.#copied(write, known);
    const from =
      version === undefined
        ? await this.get(write.tenant, source)
        : await this.getVersion(write.tenant, source, version);
    const id = target ?? newWorkflowId(Date.now());
    try {
      return await this.#copy(from, id, 'fork', { ...write, expect: { exists: false } }, target === undefined);
    } catch (error) {
      throw error instanceof VersionConflictError ? new WorkflowExistsError(id) : error;
    }
  }

  /** Outcome of an earlier request with the same key. A replay must not read again: the source may be deleted. */
  async #earlier({ tenant, once, keyed }: Write): Promise<Outcome | undefined> {
    return keyed ? this.engine.findOutcome(tenant, once.key, once.fingerprint) : undefined;
  }

  /** Time to live of a write. Undefined: WORKFLOW_STATE_TTL; null: never expires. */
  #ttlOr(ttl: Ttl | undefined): Ttl {
    return ttl === undefined ? this.config.workflowTtlMs : ttl;
  }

  async #copy(
    from: WorkflowRecord | (VersionRecord & { readonly state: string }),
    id: string,
    cause: Cause,
    write: Write,
    isNewId = false,
  ): Promise<Copied> {
    const memo = JSON.stringify({ id: from.id, version: from.version });
    const draft = { state: from.state, index: this.index.ofState(from.state), ttl: undefined };
    const outcome = await this.#put(id, draft, { ...write, once: { ...write.once, memo } }, cause, isNewId);
    return this.#copied(write, outcome, from.state);
  }

  /** The state of a replay is read from the history, since the request does not contain it. */
  async #copied(write: Write, outcome: Outcome, state?: string): Promise<Copied> {
    const origin = JSON.parse(outcome.memo ?? '{}') as CopyOrigin;
    return { ...(await this.#recalled(write, written(outcome, outcome.replayed ? undefined : state))), origin };
  }

  /**
   * Adds the state to a replayed write, if the history still has it. `replayed` is true only for a key of the client.
   */
  async #recalled({ tenant, keyed }: Write, done: Written): Promise<Written> {
    const { workflow, replayed } = done;
    if (!replayed) return done;
    const lookup = await this.engine.findVersion(tenant, workflow.id, workflow.version);
    const isSameVersion = lookup.found === 'version' && etagOf(lookup.version) === etagOf(workflow);
    return {
      ...done,
      replayed: keyed,
      workflow: isSameVersion ? { ...workflow, state: lookup.version.state } : workflow,
    };
  }

  /** Chooses incarnation and time to live: engines draw no random numbers and do not know WORKFLOW_STATE_TTL. */
  async #put(id: string, draft: Draft, write: Write, cause: Cause, isNewId = false): Promise<Outcome> {
    const { tenant, by, note, once, expect } = write;
    const put = {
      id,
      incarnation: newIncarnation(),
      state: draft.state,
      index: draft.index,
      ttl: this.#ttlOr(draft.ttl),
      about: note === undefined ? { by, cause, changed: null } : { by, cause, changed: null, note },
      ...(expect && { expect }),
      ...(isNewId && { isNewId }),
    };
    return this.engine.commit(tenant, { once, puts: [put] });
  }
}

/** `state`: that of a put. A patch returns its own. */
function written({ workflows, replayed }: Outcome, state?: string): Written {
  const workflow = workflows[0] as CommittedWorkflow;
  return {
    workflow: workflow.state === undefined ? committedWorkflow(workflow, workflow.created, state) : workflow,
    created: workflow.created,
    replayed,
  };
}
