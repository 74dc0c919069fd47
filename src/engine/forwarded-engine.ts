import type { Take } from './bucket.js';
import type { Commit } from './commit.js';
import { Engine, type Filter, type ListQuery } from './engine.js';

/** Forwards calls to another engine. Subclasses choose which and when, and may answer some calls themselves. */
export abstract class ForwardedEngine extends Engine {
  protected abstract forward<T>(run: (engine: Engine) => Promise<T>): Promise<T>;

  find(tenant: string, id: string) {
    return this.forward((engine) => engine.find(tenant, id));
  }

  findMany(tenant: string, ids: readonly string[]) {
    return this.forward((engine) => engine.findMany(tenant, ids));
  }

  list(tenant: string, query: ListQuery) {
    return this.forward((engine) => engine.list(tenant, query));
  }

  count(tenant: string, filter: Filter) {
    return this.forward((engine) => engine.count(tenant, filter));
  }

  listVersions(tenant: string, id: string, page: Parameters<Engine['listVersions']>[2]) {
    return this.forward((engine) => engine.listVersions(tenant, id, page));
  }

  findVersion(tenant: string, id: string, version: number) {
    return this.forward((engine) => engine.findVersion(tenant, id, version));
  }

  commit(tenant: string, commit: Commit) {
    return this.forward((engine) => engine.commit(tenant, commit));
  }

  findOutcome(tenant: string, key: string, fingerprint: string) {
    return this.forward((engine) => engine.findOutcome(tenant, key, fingerprint));
  }

  listConflicts(tenant: string, id: string, page: Parameters<Engine['listConflicts']>[2]) {
    return this.forward((engine) => engine.listConflicts(tenant, id, page));
  }

  findConflict(tenant: string, id: string, n: number) {
    return this.forward((engine) => engine.findConflict(tenant, id, n));
  }

  readFeed(tenant: string, after: string | undefined, limit: number) {
    return this.forward((engine) => engine.readFeed(tenant, after, limit));
  }

  lastEventId(tenant: string) {
    return this.forward((engine) => engine.lastEventId(tenant));
  }

  readBoard(tenant: string, board: string) {
    return this.forward((engine) => engine.readBoard(tenant, board));
  }

  take(tenant: string, takes: readonly Take[]) {
    return this.forward((engine) => engine.take(tenant, takes));
  }

  erase(tenant: string, limit: number) {
    return this.forward((engine) => engine.erase(tenant, limit));
  }

  sweep() {
    return this.forward((engine) => engine.sweep());
  }

  override confirm(tenant: string, onceKey: string) {
    return this.forward((engine) => engine.confirm(tenant, onceKey));
  }
}
