import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import type { Commit, ConflictName, Outcome, Ttl } from '../engine/commit.js';
import type { About, WorkflowMeta } from '../engine/records/workflow-meta.js';
import type { ConflictDetail, ConflictPage, ConflictQuery } from '../engine/conflicts.js';
import { Engine } from '../engine/engine.js';
import { ConflictNotFoundError, WorkflowNotFoundError } from '../engine/errors.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import type { Write } from './document-workflow-store.js';
import { newIncarnation } from '../engine/new-incarnation.js';

/** Chosen state: the current one, that of the conflict, or a new one. */
export type Resolution = 'current' | 'detached' | { readonly state: string };

export interface Resolved {
  /** Undefined if nothing was written or the workflow was deleted. */
  readonly workflow: (WorkflowMeta & { readonly state?: string }) | undefined;
  readonly replayed: boolean;
}

/** Conflicts: writes acknowledged while Redis was unreachable that could not become current. */
@Injectable()
export class WorkflowConflicts {
  constructor(
    private readonly engine: Engine,
    private readonly index: WorkflowIndex,
    private readonly config: Config,
  ) {}

  list(tenant: string, id: string, query: ConflictQuery): Promise<ConflictPage> {
    return this.engine.listConflicts(tenant, id, query);
  }

  /** @throws ConflictNotFoundError */
  async get(tenant: string, { id, n }: ConflictName): Promise<ConflictDetail> {
    const conflict = await this.engine.findConflict(tenant, id, n);
    if (conflict === undefined) throw new ConflictNotFoundError({ id, n });
    return conflict;
  }

  /** Writes the chosen state and ends the conflict, in one step. @throws ConflictNotFoundError */
  async resolve(name: ConflictName, use: Resolution, ttl: Ttl | undefined, write: Write): Promise<Resolved> {
    const { tenant, once, keyed } = write;
    // A replay must not read the conflict again: the first request has ended it.
    const known = keyed ? await this.engine.findOutcome(tenant, once.key, once.fingerprint) : undefined;
    if (known !== undefined) return { workflow: known.workflows[0], replayed: true };
    const conflict = await this.get(tenant, name);
    const parts = this.#partsOf(conflict, use, ttl, write);
    const outcome = await this.#commit(tenant, { once, resolves: [name], ...parts });
    const { replayed } = outcome;
    const [put] = parts.puts ?? [];
    const [workflow] = outcome.workflows;
    return { workflow: put && workflow && { ...workflow, state: put.state }, replayed: keyed && replayed };
  }

  #partsOf(conflict: ConflictDetail, use: Resolution, ttl: Ttl | undefined, write: Write): Partial<Commit> {
    const { id, enqueue, publish, cancelTasksOf = [] } = conflict;
    const expect = write.expect && { expect: write.expect };
    // Nothing is written, but a precondition must still hold: a touch checks it.
    const checked = expect === undefined ? {} : { touches: [{ id, ttl: 'keep' as const, ...expect }] };
    if (use === 'current') return checked;
    const also = use === 'detached' ? { enqueue, publish, cancelTasksOf } : {};
    if (use === 'detached' && conflict.is === 'tasks') return { ...checked, ...also };
    const state = use === 'detached' ? conflict.state : use.state;
    if (state === undefined) return { deletes: [{ id, ...expect }], ...also };
    const about: About = {
      by: write.by,
      cause: 'restore',
      changed: null,
      ...(write.note !== undefined && { note: write.note }),
    };
    const put = { id, incarnation: newIncarnation(), state, index: this.index.ofState(state), about, ...expect };
    return { puts: [{ ...put, ttl: ttl === undefined ? this.#ttlOf(conflict, use) : ttl }], ...also };
  }

  /**
   * Time to live of the chosen state: for the acknowledged write the remaining time until its deadline, if there is any.
   * Otherwise WORKFLOW_STATE_TTL.
   */
  #ttlOf({ deadlineMs }: ConflictDetail, use: Resolution): Ttl {
    if (use !== 'detached') return this.config.workflowTtlMs;
    const left = deadlineMs === null ? null : deadlineMs - Date.now();
    return left !== null && left <= 0 ? this.config.workflowTtlMs : left;
  }

  async #commit(tenant: string, commit: Commit): Promise<Outcome> {
    try {
      return await this.engine.commit(tenant, commit);
    } catch (error) {
      const isGone = error instanceof WorkflowNotFoundError && commit.deletes !== undefined;
      if (!isGone) throw error;
      // The workflow is deleted already; the rest of the commit still counts.
      const { deletes: _done, ...rest } = commit;
      return this.engine.commit(tenant, rest);
    }
  }
}
