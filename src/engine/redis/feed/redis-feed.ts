import { randomBytes } from 'node:crypto';
import type { FeedEvent } from '../../engine.js';
import { FeedResetError, FeedTrimmedError } from '../../errors.js';
import { eventIdOf, placeOf } from '../../event-id.js';
import { feedKey } from '../keys.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RedisScript } from '../scripts/redis-script.js';
import { listOf, numberOf, textOf } from '../scripts/reply.js';

const feedScript = new RedisScript(['base', 'feed-epoch'], 'feed');
/** Type of the first entry in the stream of a new epoch. It marks a position and is not shown as an event. */
const STARTED = 'feed.started';

/** The stream of a tenant's events. */
export class RedisFeed {
  constructor(private readonly reader: ScriptReader) {}

  /** @throws FeedTrimmedError @throws FeedResetError */
  async read(tenant: string, after: string | undefined, limit: number): Promise<readonly FeedEvent[]> {
    const place = after === undefined ? undefined : placeOf(after);
    if (after !== undefined && place === undefined) throw new FeedResetError();
    const from = place === undefined ? ['oldest', ''] : [place.epoch, `${place.ms}-${place.count}`];
    const [word, epoch, found] = await this.#ask(tenant, [...from, String(limit)]);
    if (word === 'none') return [];
    if (word === 'reset') throw new FeedResetError();
    if (word === 'trimmed') throw new FeedTrimmedError(idOf(found, textOf(epoch)));
    const events = listOf(found).map((entry) => eventOf(entry, textOf(epoch)));
    return events[0]?.type === STARTED ? events.slice(1) : events;
  }

  /** The end of the feed; begins one. */
  async lastId(tenant: string): Promise<string> {
    const [, epoch, last] = await this.#ask(tenant, ['end', '', '0']);
    return idOf(last, textOf(epoch));
  }

  /** The end of the feed; undefined if there is none, which begins none. */
  async findLastId(tenant: string): Promise<string | undefined> {
    const [word, epoch, last] = await this.#ask(tenant, ['end-if-any', '', '0']);
    return word === 'none' ? undefined : idOf(last, textOf(epoch));
  }

  async #ask(tenant: string, args: readonly string[]): Promise<readonly unknown[]> {
    // Used if the feed has no epoch yet.
    const name = randomBytes(4).toString('hex');
    return listOf(await this.reader.run(feedScript, 'feed', tenant, [name, ...args], [''], feedKey));
  }
}

function eventOf(entry: unknown, epoch: string): FeedEvent {
  const [id, values] = listOf(entry);
  const [, type, ...rest] = listOf(values).map(textOf);
  const fields: Record<string, string> = {};
  for (let i = 0; i < rest.length; i += 2) fields[rest[i] as string] = rest[i + 1] as string;
  return { id: idOf(id, epoch), type: textOf(type), fields };
}

function idOf(streamId: unknown, epoch: string): string {
  const [ms, count] = textOf(streamId).split('-');
  return eventIdOf({ ms: numberOf(ms), count: numberOf(count), epoch });
}
