import type { ConflictDetail, ConflictPage, ConflictQuery, ConflictRecord, NewConflict } from '../../conflicts.js';
import type { Once } from '../../commit.js';
import { IdempotencyMismatchError, StoreUnavailableError } from '../../errors.js';
import { PAGE_BYTES } from '../../limits.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RedisScript, TIMED } from '../scripts/redis-script.js';
import { replayOf } from '../commits/outcomes.js';
import { groupsOf, listOf, textOf } from '../scripts/reply.js';
import { planArguments, type ScriptSender } from '../scripts/script-sender.js';

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
    const [word, kept] = await this.sender.send(tenant, {
      scripts: 'workflows',
      args: planArguments(plan, texts),
      ids,
    });
    if (word === 'replayed') replayOf(textOf(kept));
    if (word === 'mismatch') throw new IdempotencyMismatchError();
    if (word !== 'kept' && word !== 'replayed') throw new StoreUnavailableError();
  }

  async list(tenant: string, id: string, query: ConflictQuery): Promise<ConflictPage> {
    const [next, ...found] = await this.#read(tenant, id, query);
    const conflicts =
      query.includeState === true ? found.filter(isWhole) : found.map(({ state: _none, ...record }) => record);
    return { conflicts, nextBefore: next === 0 ? null : next };
  }

  async find(tenant: string, id: string, n: number): Promise<ConflictDetail | undefined> {
    const [, found] = await this.#read(tenant, id, { limit: 1, before: n + 1, includeState: true });
    return found?.n === n && isWhole(found) ? found : undefined;
  }

  async #read(
    tenant: string,
    id: string,
    { limit, before, includeState = false }: ConflictQuery,
  ): Promise<[next: number, ...found: ConflictDetail[]]> {
    const bounds = [before === undefined ? '' : String(before), String(limit)];
    const args = [id, ...bounds, includeState ? '1' : '0', String(PAGE_BYTES)];
    const [next, ...rest] = listOf(await this.reader.run(readScript, 'conflicts', tenant, args, [id]));
    const found = groupsOf(rest, 3).map(([n, record, state]) => ({
      ...(JSON.parse(textOf(record)) as Stored),
      n: Number(n),
      state: typeof state === 'string' ? state : undefined,
    }));
    return [Number(next), ...found];
  }
}

/** Record and state expire together, but not in the same instant. */
function isWhole({ is, state }: ConflictDetail): boolean {
  return is !== 'state' || state !== undefined;
}
