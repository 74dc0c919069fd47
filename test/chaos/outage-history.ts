import type { Replicas } from '../support/deployment.js';

/** A state that lists the marks of all writes that went into it; each write adds its own. */
export interface Marked {
  readonly seen: readonly string[];
}

interface Acknowledged {
  readonly id: string;
  readonly mark: string;
  readonly etag: string | null;
}

interface Version {
  readonly version: number;
  readonly etag: string;
  readonly state: Marked;
}

/** Collects every acknowledged write, and checks at the end that none is lost. */
export class History {
  readonly acknowledged: Acknowledged[] = [];
  readonly violations: string[] = [];
  /** Writes that a detached replica acknowledged. */
  detached = 0;
  conflicts = 0;
  versions = 0;

  /** Begins the marks of all its writers. */
  constructor(readonly name = 'm') {}

  acknowledge(write: Acknowledged, storage: string): void {
    this.acknowledged.push(write);
    if (storage.startsWith('detached')) this.detached++;
  }

  /** Every acknowledged write must be in the current state or in a conflict, no version may lose a mark or be given out twice. */
  async check(deployment: Replicas, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const versions = await this.#versionsOf(deployment, id);
      this.versions += versions.length;
      const kept = await this.#conflictsOf(deployment, id);
      this.conflicts += kept.length;
      const inConflicts = new Set(kept.flatMap(({ seen }) => seen));
      const last = versions.at(-1)?.state.seen ?? [];
      const now = new Set(last);
      if (now.size !== last.length) this.violations.push(`${id}: a write took effect twice`);
      const foreign = last.filter((mark) => !mark.startsWith(this.name));
      if (foreign.length > 0) this.violations.push(`${id}: marks of others: ${foreign.join()}`);
      versions.slice(1).forEach((version, i) => this.#checkStep(id, versions[i] as Version, version));
      const byEtag = new Map(versions.map((version) => [version.etag, version]));
      for (const { mark, etag } of this.acknowledged.filter((write) => write.id === id)) {
        if (!now.has(mark) && !inConflicts.has(mark))
          this.violations.push(`${id}: acknowledged write ${mark} is nowhere`);
        const version = etag === null ? undefined : byEtag.get(etag);
        if (version !== undefined && version.state.seen.at(-1) !== mark) {
          this.violations.push(`${id}: ${etag} was given to ${mark} and is ${version.state.seen.at(-1)}: a fork`);
        }
        if (version === undefined && etag !== null && !etag.startsWith('"detached-')) {
          this.violations.push(`${id}: ${etag}, given to ${mark}, is no version`);
        }
      }
    }
  }

  #checkStep(id: string, before: Version, after: Version): void {
    if (after.version !== before.version + 1) this.violations.push(`${id}: ${after.version} follows ${before.version}`);
    const has = new Set(after.state.seen);
    for (const mark of before.state.seen) {
      if (!has.has(mark)) this.violations.push(`${id}: version ${after.version} overwrote ${mark} unseen`);
    }
  }

  async #versionsOf(deployment: Replicas, id: string): Promise<Version[]> {
    const answer = await deployment.call(0, 'GET', `/v1/workflows/${id}/versions?include=state&limit=1000`);
    if (answer?.status !== 200) throw new Error(`versions of ${id}: ${JSON.stringify(answer)}`);
    return (answer.json.items as Version[]).toReversed();
  }

  async #conflictsOf(deployment: Replicas, id: string): Promise<Marked[]> {
    const kept: Marked[] = [];
    let before: number | null | undefined;
    while (before !== null) {
      const query: string = before === undefined ? '' : `?before=${before}`;
      const page = await deployment.call(0, 'GET', `/v1/workflows/${id}/conflicts${query}`);
      if (page?.status !== 200) throw new Error(`conflicts of ${id}: ${JSON.stringify(page)}`);
      for (const { n } of page.json.items as { n: number }[]) {
        const one = await deployment.call(0, 'GET', `/v1/workflows/${id}/conflicts/${n}`);
        kept.push((one?.json?.state ?? { seen: [] }) as Marked);
      }
      before = page.json.nextBefore as number | null;
    }
    return kept;
  }
}
