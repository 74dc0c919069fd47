import { randomUUID } from 'node:crypto';
import { StateNotJsonError, StoreUnavailableError } from '../../errors.js';
import { isWritten, type Arrived, type ArrivalOptions } from '../../moving/arrival.js';
import type { MovedVersion, MovedWorkflow } from '../../moving/moved.js';
import { stampOf, workflowStamp } from '../../moving/stamp.js';
import { digestOf } from '../../records/check.js';
import { versionNameOf } from '../../records/workflow-meta.js';
import { entriesOf } from '../commits/plan-commit.js';
import { FENCED, RedisScript, TIMED_RECORDS, TIMED_WRITING } from '../scripts/redis-script.js';
import { listOf, textOf } from '../scripts/reply.js';
import type { ScriptContext } from '../scripts/script-context.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import type { ScriptWriter } from '../scripts/script-writer.js';
import { keepsChanging, type RedisWorkflows } from '../workflows/redis-workflows.js';
import { piecesOf } from './history-pieces.js';
import { movedWorkflowOf, UNREADABLE, versionOf } from './moved-replies.js';

const READING = [...TIMED_RECORDS, 'history', 'moving'];
const readScript = new RedisScript(READING, 'move-read');
const historyScript = new RedisScript(READING, 'move-history');
const workflowScript = new RedisScript([...TIMED_WRITING, 'fence', 'moving'], 'move-workflow');
const stageScript = new RedisScript(FENCED, 'stage-history');
const MAX_ROUNDS = 50;
const MAX_STAGINGS = 3;

export interface MovedWorkflowsParts {
  readonly reader: ScriptReader;
  readonly writer: ScriptWriter;
  readonly context: ScriptContext;
  readonly workflows: RedisWorkflows;
}

/**
 * Workflows that are moved out of Redis and into it, each in one atomic step. A long history travels in pieces before
 * that step, or after the rest was read, so that no call holds Redis for long.
 */
export class MovedWorkflows {
  constructor(private readonly parts: MovedWorkflowsParts) {}

  /** @throws StateNotJsonError @throws KeyTakenError */
  async read(tenant: string, ids: readonly string[]): Promise<(MovedWorkflow | undefined)[]> {
    const reply = await this.#replies(tenant, ids);
    return Promise.all(ids.map((id, i) => this.#whole(tenant, id, reply[i])));
  }

  async put(tenant: string, record: MovedWorkflow, options: ArrivalOptions): Promise<Arrived> {
    const { id, state, history } = record;
    const plan = this.#planOf(tenant, record, options);
    if (options.isDryRun === true) return this.#tryOut(tenant, id, plan);
    const [first = []] = piecesOf(history);
    if (first.length === history.length) return (await this.#write(tenant, id, plan, [state, ...first])) as Arrived;
    // A history that is not wanted is not sent.
    const expected = await this.#tryOut(tenant, id, plan);
    return isWritten(expected) ? this.#putStaged(tenant, record, plan) : expected;
  }

  async remove(tenant: string, id: string, stamp: string): Promise<boolean> {
    const args = [JSON.stringify({ id, remove: stamp })];
    return (await this.parts.writer.run(workflowScript, 'move-remove', tenant, args, id)) === 'removed';
  }

  async #replies(tenant: string, ids: readonly string[]): Promise<readonly unknown[]> {
    return listOf(await this.parts.reader.run(readScript, 'move-read', tenant, ids, ids));
  }

  /**
   * The whole record of a reply; undefined if the workflow is gone. Adopts a value of another program.
   * @throws StateNotJsonError @throws KeyTakenError
   */
  async #whole(tenant: string, id: string, reply: unknown): Promise<MovedWorkflow | undefined> {
    let one = reply;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (one === null) return undefined;
      if (one === UNREADABLE) throw new StateNotJsonError(id);
      const { found, record, length } = movedWorkflowOf(id, one);
      if (found.kind !== 'ours') await this.parts.workflows.adopt(tenant, id);
      else if (record.history.length === length) return record;
      else {
        const history = await this.#readHistory(tenant, record, length);
        if (history !== undefined) return { ...record, history };
      }
      [one] = await this.#replies(tenant, [id]);
    }
    throw keepsChanging();
  }

  /** Undefined if the workflow is another one by now. */
  async #readHistory(
    tenant: string,
    record: MovedWorkflow,
    length: number,
  ): Promise<readonly MovedVersion[] | undefined> {
    const { id } = record;
    const history: MovedVersion[] = [];
    while (history.length < length) {
      const args = [id, workflowStamp(record, length), String(history.length)];
      const piece = await this.parts.reader.run(historyScript, 'move-read', tenant, args, [id]);
      if (piece === null) return undefined;
      history.push(...listOf(piece).map((entry) => versionOf(textOf(entry))));
    }
    return history;
  }

  #planOf(tenant: string, record: MovedWorkflow, options: ArrivalOptions): object {
    const { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs, ttlMs, about, state, history } =
      record;
    return {
      id,
      inc: incarnation,
      version,
      check,
      digest: digestOf(state),
      created: createdAtMs,
      updated: updatedAtMs,
      deadline: deadlineMs ?? false,
      ttl: ttlMs ?? false,
      about: JSON.stringify(about),
      index: entriesOf(this.parts.context.profiles.of(tenant).index.ofState(state)),
      stamp: stampOf(record),
      versions: history.map((one) => `${versionNameOf(one)} ${one.updatedAtMs}`),
      historyBytes: history.reduce((sum, one) => sum + Buffer.byteLength(one.state), 0),
      ...options,
    };
  }

  /** Begins no epoch, since that is a write. */
  async #tryOut(tenant: string, id: string, plan: object): Promise<Arrived> {
    const args = [JSON.stringify({ ...plan, isDryRun: true })];
    return textOf(await this.parts.reader.run(workflowScript, 'move-put', tenant, args, [id])) as Arrived;
  }

  async #write(tenant: string, id: string, plan: object, texts: readonly string[]): Promise<Arrived | 'unstaged'> {
    const args = [JSON.stringify(plan), ...texts];
    return textOf(await this.parts.writer.run(workflowScript, 'move-put', tenant, args, id)) as Arrived | 'unstaged';
  }

  /** @throws StoreUnavailableError if the staged history is lost again and again; nothing has changed then */
  async #putStaged(tenant: string, record: MovedWorkflow, plan: object): Promise<Arrived> {
    const { id, state, history } = record;
    for (let round = 0; round < MAX_STAGINGS; round++) {
      // A list that lost a part is left to its expiry.
      const staged = randomUUID();
      if (!(await this.#stage(tenant, id, staged, history))) continue;
      const arrived = await this.#write(tenant, id, { ...plan, staged }, [state]);
      if (arrived !== 'unstaged') return arrived;
    }
    const message = `The store has lost the history of workflow ${id} ${MAX_STAGINGS} times on its way; nothing was changed, so move it again`;
    throw new StoreUnavailableError(undefined, message);
  }

  /** Sends the history into a list beside the workflow. False if the list was lost meanwhile. */
  async #stage(tenant: string, id: string, name: string, history: readonly MovedVersion[]): Promise<boolean> {
    let sent = 0;
    for (const piece of piecesOf(history)) {
      const args = [name, String(sent), ...piece];
      if ((await this.parts.writer.run(stageScript, 'move-stage', tenant, args, id)) === 'lost') return false;
      sent += piece.length;
    }
    return true;
  }
}
