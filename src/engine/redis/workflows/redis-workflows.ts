import { InvalidJsonError } from '../../../json/invalid-json-error.js';
import type { EngineObserver, VersionLookup, VersionPage, VersionQuery, VersionRef } from '../../engine.js';
import { KeyTakenError, StateNotJsonError, StoreUnavailableError } from '../../errors.js';
import { fittingBytes, fittingVersions, pageOfVersions } from '../../page.js';
import { digestOf } from '../../records/check.js';
import { metaKey, stateKey } from '../keys.js';
import { recordOf, versionNameOf, type VersionRecord, type WorkflowRecord } from '../../records/workflow-meta.js';
import type { Profiles } from '../../profile.js';
import { entriesOf } from '../commits/plan-commit.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RECORDS, RedisScript, TIMED_RECORDS, TIMED_WRITING } from '../scripts/redis-script.js';
import { readPlainly } from './plain-read.js';
import { foundOf, foundWith, versionOf, type Found } from './workflow-replies.js';
import { groupsOf, listOf, numberOf, textOf, unexpected } from '../scripts/reply.js';

const findScript = new RedisScript(RECORDS, 'find');
const adoptScript = new RedisScript(TIMED_WRITING, 'adopt');
const versionScript = new RedisScript([...TIMED_RECORDS, 'history'], 'version');
const versionsScript = new RedisScript([...TIMED_RECORDS, 'history'], 'versions');
const statesScript = new RedisScript([...TIMED_RECORDS, 'history'], 'version-states');
/** Bytes of states of one call: a larger one would block Redis. One state may have more. */
export const BYTES_AT_ONCE = 1024 * 1024;
/** Versions of one call. */
const VERSIONS_AT_ONCE = 50;
/** Workflows of one call. */
const FOUND_AT_ONCE = 10;
const MAX_ROUNDS = 50;

/** Current and earlier versions. A value that another program wrote is shown, and adopted when needed. */
export class RedisWorkflows {
  /** False once a server or driver has shown that it lacks a command of readPlainly. */
  #readsPlainly = true;

  constructor(
    private readonly reader: ScriptReader,
    private readonly profiles: Profiles,
    private readonly observer: EngineObserver,
  ) {}

  async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    const found = this.#readsPlainly ? await this.#findPlainly(tenant, id) : 'unknown';
    if (typeof found === 'object') {
      this.observer.read(1);
      return found;
    }
    this.#readsPlainly = found !== 'unknown';
    return found === 'absent' ? undefined : this.#findByScript(tenant, id);
  }

  #findPlainly(tenant: string, id: string) {
    const prefix = this.reader.prefixOf(tenant);
    const key = stateKey(prefix, id);
    return this.reader.commands('find', key, (client) =>
      readPlainly(client, id, key, metaKey(prefix, id), this.reader.givenTime),
    );
  }

  async #findByScript(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [line, state] = listOf(await this.reader.run(findScript, 'find', tenant, ['1', id], [id]));
      if (typeof line !== 'string' || typeof state !== 'string') return undefined;
      const found = foundWith(id, line, state);
      if (found.kind === 'taken') throw this.#taken(tenant, id);
      const index = found.kind === 'ours' ? [] : this.#indexOf(tenant, id, state);
      if (found.kind !== 'foreign') {
        this.observer.read(1);
        return recordOf(found, state);
      }
      await this.#runAdopt(tenant, id, state, index);
    }
    throw keepsChanging();
  }

  #taken(tenant: string, id: string): KeyTakenError {
    return this.reader.taken(stateKey(this.reader.prefixOf(tenant), id));
  }

  /** As findMany, but leaves out values that are not JSON. */
  async findReadable(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    try {
      return await this.findMany(tenant, ids);
    } catch (error) {
      unlessUnreadable(error);
      return Promise.all(ids.map((id) => this.find(tenant, id).catch(unlessUnreadable)));
    }
  }

  /** @throws StateNotJsonError */
  async findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    const records: (WorkflowRecord | undefined)[] = [];
    for await (const record of this.eachOf(tenant, ids)) records.push(record);
    return records;
  }

  /** Reads a few at a time, as they are asked for. @throws StateNotJsonError */
  async *eachOf(tenant: string, ids: readonly string[]): AsyncGenerator<WorkflowRecord | undefined> {
    let at = 0;
    while (at < ids.length) {
      const some = ids.slice(at, at + FOUND_AT_ONCE);
      const args = [String(BYTES_AT_ONCE), ...some];
      const pairs = groupsOf(listOf(await this.reader.run(findScript, 'find', tenant, args, some)), 2);
      for (const [line, state] of pairs) yield await this.#recordOf(tenant, ids[at++] as string, line, state);
      if (pairs.length === 0) unexpected();
    }
  }

  async #recordOf(tenant: string, id: string, line: unknown, state: unknown): Promise<WorkflowRecord | undefined> {
    if (typeof line !== 'string' || typeof state !== 'string') return undefined;
    const found = foundWith(id, line, state);
    if (found.kind !== 'ours') return this.find(tenant, id);
    this.observer.read(1);
    return recordOf(found, state);
  }

  async listVersions(tenant: string, id: string, query: VersionQuery): Promise<VersionPage | undefined> {
    const versions = await this.#versions(tenant, id, { ...query, limit: query.limit + 1 });
    return versions && pageOfVersions(versions, query);
  }

  async findVersion(tenant: string, id: string, version: number): Promise<VersionLookup> {
    const reply = await this.#adopted(versionScript, tenant, id, [id, String(version)]);
    if (reply === undefined) return { found: 'no-workflow' };
    const { found, rest } = reply;
    if (version > found.version || version < 1) return { found: 'no-version' };
    const [entry, oldest] = rest;
    if (entry === null) return { found: 'pruned', oldest: numberOf(textOf(oldest)) };
    return { found: 'version', version: versionOf(found, entry, true) as VersionRecord & { state: string } };
  }

  async findStates(
    tenant: string,
    versions: readonly VersionRef[],
    maxBytes: number,
  ): Promise<readonly (string | undefined)[]> {
    const states: (string | undefined)[] = [];
    let left = maxBytes;
    while (states.length < versions.length && left > 0) {
      const some = versions.slice(states.length, states.length + VERSIONS_AT_ONCE);
      states.push(...(await this.#states(tenant, some, Math.min(left, BYTES_AT_ONCE))));
      left = maxBytes - states.reduce((sum, state = '') => sum + Buffer.byteLength(state), 0);
    }
    // A call ends when it has the bytes, so its last state may go beyond them.
    const sizes = states.map((state = '') => Buffer.byteLength(state));
    return states.slice(0, fittingBytes(sizes, maxBytes));
  }

  /** The first of these versions, at least one. */
  async #states(
    tenant: string,
    versions: readonly VersionRef[],
    maxBytes: number,
  ): Promise<readonly (string | undefined)[]> {
    const ids = [...new Set(versions.map(({ id }) => id))];
    const names = versions.flatMap((version) => [version.id, version.incarnation, versionNameOf(version)]);
    const reply = await this.reader.run(statesScript, 'version-states', tenant, [String(maxBytes), ...names], ids);
    return listOf(reply).map((found) => {
      if (!Array.isArray(found)) return undefined;
      const [digest, state] = found.map(textOf) as [string, string];
      // A state with another digest was written by another program.
      return digest === '-' || digest === digestOf(state) ? state : undefined;
    });
  }

  /** Makes a value of another program a workflow, with its remaining time to live. @throws StateNotJsonError */
  async adopt(tenant: string, id: string): Promise<void> {
    const record = await this.find(tenant, id);
    if (record !== undefined) await this.#runAdopt(tenant, id, record.state, this.#indexOf(tenant, id, record.state));
  }

  async #runAdopt(tenant: string, id: string, state: string, index: readonly string[]): Promise<void> {
    await this.reader.write(adoptScript, 'adopt', tenant, [id, state, JSON.stringify(index)], [id]);
  }

  #indexOf(tenant: string, id: string, state: string): readonly string[] {
    try {
      return entriesOf(this.profiles.of(tenant).index.ofState(state));
    } catch (error) {
      if (error instanceof InvalidJsonError) throw new StateNotJsonError(id);
      throw error;
    }
  }

  /**
   * Versions for a page, and at least one more if there are more. A long history is read in parts. Each goes on behind the
   * last version of the part before it. If that version is no longer kept, the page starts again: so it has no hole, and
   * nothing of an earlier incarnation.
   */
  async #versions(tenant: string, id: string, query: VersionQuery): Promise<readonly VersionRecord[] | undefined> {
    let versions: VersionRecord[] = [];
    let restarts = 0;
    while (restarts < MAX_ROUNDS) {
      const reply = await this.#adopted(versionsScript, tenant, id, partArguments(id, query, versions));
      if (reply === undefined) return undefined;
      const [outcome, ...entries] = reply.rest;
      if (outcome === 'lost') {
        versions = [];
        restarts++;
        continue;
      }
      for (const entry of entries) versions.push(versionOf(reply.found, entry, query.includeState));
      const isPageFull = fittingVersions(versions, query.limit, query.includeState) < versions.length;
      if (outcome === 'end' || isPageFull) return versions;
      if (entries.length === 0) unexpected();
    }
    throw keepsChanging();
  }

  /**
   * Runs a script whose reply begins with the line of the workflow. Adopts a value of another program before. Undefined
   * without a workflow.
   */
  async #adopted(
    script: RedisScript,
    tenant: string,
    id: string,
    args: readonly string[],
  ): Promise<{ readonly found: Found; readonly rest: readonly unknown[] } | undefined> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const reply = await this.reader.run(script, 'versions', tenant, args, [id]);
      if (reply === null || reply === undefined) return undefined;
      const [line, ...rest] = listOf(reply);
      const found = foundOf(id, line);
      if (found.kind === 'ours' || found.kind === 'legacy') return { found, rest };
      await this.find(tenant, id);
    }
    throw keepsChanging();
  }
}

/** Arguments of versions.lua for the part behind the `versions` that are there already. */
function partArguments(id: string, query: VersionQuery, versions: readonly VersionRecord[]): string[] {
  const { order = 'desc', limit, before, after, includeState } = query;
  const bounds = [before, after].map((bound) => (bound === undefined ? '' : String(bound)));
  const last = versions.at(-1);
  const lastName = last === undefined ? '' : `${last.incarnation} ${versionNameOf(last)}`;
  return [id, order, String(limit - versions.length), includeState ? '1' : '0', ...bounds, lastName];
}

export function keepsChanging(): StoreUnavailableError {
  return new StoreUnavailableError({ cause: new Error('another program keeps overwriting this workflow') });
}

/** @throws the error, if it is another one */
export function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof StateNotJsonError || error instanceof KeyTakenError)) throw error;
  return undefined;
}
