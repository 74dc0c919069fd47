import type { ConflictDetail, ConflictPage, ConflictRecord, NewConflict } from '../../conflicts.js';
import type { Once } from '../../commit.js';
import { IdempotencyMismatchError, StoreUnavailableError } from '../../errors.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RedisScript, TIMED } from '../scripts/redis-script.js';
import { replayOf } from '../commits/outcomes.js';
import { groupsOf, listOf, textOf } from '../scripts/reply.js';
import type { ScriptSender } from '../scripts/script-sender.js';

const readScript = new RedisScript([...TIMED, 'conflict-records'], 'conflicts');

/** A record as it is stored, without its number. */
type Stored = Omit<ConflictRecord, 'n'>;

/** Conflict records in Redis: records in a list of their workflow, each state under its own key. */
export class RedisConflicts {
  constructor(
    private readonly sender: ScriptSender,
    private readonly reader: ScriptReader,
  ) {}

  /** @throws KeptAsConflictError when they are kept already @throws IdempotencyMismatchError */
  async keep(tenant: string, once: Once, conflicts: readonly NewConflict[]): Promise<void> {
    const keptAtMs = Date.now();
    const plan = {
      kind: 'conflict',
      texts: conflicts.length,
      once: [once],
      conflicts: conflicts.map(({ record, keepMs, state }) => {
        const untilMs = keepMs === null ? null : keptAtMs + keepMs;
        return {
          id: record.id,
          record: JSON.stringify({ ...record, keptAtMs, untilMs } satisfies Stored),
          keepMs: keepMs ?? undefined,
          hasState: state !== undefined,
        };
      }),
    };
    const ids = [conflicts[0]?.record.id ?? ''];
    const texts = conflicts.map(({ state = '' }) => state);
    const [word, kept] = await this.sender.send(tenant, { scripts: 'workflows', plan, ids, texts });
    if (word === 'replayed') replayOf(textOf(kept));
    if (word === 'mismatch') throw new IdempotencyMismatchError();
    if (word !== 'kept' && word !== 'replayed') throw new StoreUnavailableError();
  }

  async list(
    tenant: string,
    id: string,
    { limit, before }: { readonly limit: number; readonly before?: number },
  ): Promise<ConflictPage> {
    const [next, ...entries] = await this.#read(tenant, id, before, limit, false);
    return { conflicts: entries.map(([record]) => record), nextBefore: next === 0 ? null : next };
  }

  async find(tenant: string, id: string, n: number): Promise<ConflictDetail | undefined> {
    const [, entry] = await this.#read(tenant, id, n + 1, 1, true);
    if (entry === undefined || entry[0].n !== n) return undefined;
    const [record, state] = entry;
    // Record and state expire together, but not in the same instant.
    return record.is === 'state' && state === undefined ? undefined : { ...record, state };
  }

  async #read(
    tenant: string,
    id: string,
    before: number | undefined,
    limit: number,
    withStates: boolean,
  ): Promise<[next: number, ...entries: [ConflictRecord, string | undefined][]]> {
    const args = [id, before === undefined ? '' : String(before), String(limit), withStates ? '1' : '0'];
    const [next, ...rest] = listOf(await this.reader.run(readScript, 'conflicts', tenant, args, [id]));
    const entries = groupsOf(rest, 3).map(([n, record, state]): [ConflictRecord, string | undefined] => [
      { ...(JSON.parse(textOf(record)) as Stored), n: Number(n) },
      typeof state === 'string' ? state : undefined,
    ]);
    return [Number(next), ...entries];
  }
}
