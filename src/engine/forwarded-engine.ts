import type { Take } from './bucket.js';
import type { Commit } from './commit.js';
import type { ConflictQuery } from './conflicts.js';
import { Engine, type Filter, type ListQuery, type VersionQuery, type VersionRef } from './engine.js';

/** Forwards calls to another engine. Subclasses choose which and when, and may answer some calls themselves. */
export abstract class ForwardedEngine extends Engine {
  /** `tenant`: the call is about this one; undefined if it is about all. */
  protected abstract forward<T>(run: (engine: Engine) => Promise<T>, tenant: string | undefined): Promise<T>;

  find(tenant: string, id: string) {
    return this.forward((engine) => engine.find(tenant, id), tenant);
  }

  findMany(tenant: string, ids: readonly string[]) {
    return this.forward((engine) => engine.findMany(tenant, ids), tenant);
  }

  list(tenant: string, query: ListQuery) {
    return this.forward((engine) => engine.list(tenant, query), tenant);
  }

  count(tenant: string, filter: Filter) {
    return this.forward((engine) => engine.count(tenant, filter), tenant);
  }

  listVersions(tenant: string, id: string, query: VersionQuery) {
    return this.forward((engine) => engine.listVersions(tenant, id, query), tenant);
  }

  findVersion(tenant: string, id: string, version: number) {
    return this.forward((engine) => engine.findVersion(tenant, id, version), tenant);
  }

  findStates(tenant: string, versions: readonly VersionRef[], maxBytes: number) {
    return this.forward((engine) => engine.findStates(tenant, versions, maxBytes), tenant);
  }

  commit(tenant: string, commit: Commit) {
    return this.forward((engine) => engine.commit(tenant, commit), tenant);
  }

  findOutcome(tenant: string, key: string, fingerprint: string) {
    return this.forward((engine) => engine.findOutcome(tenant, key, fingerprint), tenant);
  }

  listConflicts(tenant: string, id: string, query: ConflictQuery) {
    return this.forward((engine) => engine.listConflicts(tenant, id, query), tenant);
  }

  findConflict(tenant: string, id: string, n: number) {
    return this.forward((engine) => engine.findConflict(tenant, id, n), tenant);
  }

  readFeed(tenant: string, after: string | undefined, limit: number) {
    return this.forward((engine) => engine.readFeed(tenant, after, limit), tenant);
  }

  lastEventId(tenant: string) {
    return this.forward((engine) => engine.lastEventId(tenant), tenant);
  }

  readBoard(tenant: string, board: string) {
    return this.forward((engine) => engine.readBoard(tenant, board), tenant);
  }

  take(tenant: string, takes: readonly Take[]) {
    return this.forward((engine) => engine.take(tenant, takes), tenant);
  }

  erase(tenant: string, limit: number) {
    return this.forward((engine) => engine.erase(tenant, limit), tenant);
  }

  sweep() {
    return this.forward((engine) => engine.sweep(), undefined);
  }

  override confirm(tenant: string, onceKey: string) {
    return this.forward((engine) => engine.confirm(tenant, onceKey), tenant);
  }
}
