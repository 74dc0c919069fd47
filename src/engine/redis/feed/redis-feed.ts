import { randomBytes } from 'node:crypto';
import type { FeedEvent } from '../../engine.js';
import { FeedResetError, FeedTrimmedError } from '../../errors.js';
import { eventIdOf, placeOf } from '../../event-id.js';
import { feedKey } from '../keys.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RedisScript } from '../scripts/redis-script.js';
import { listOf, numberOf, textOf } from '../scripts/reply.js';

const feedScript = new RedisScript(['base', 'own-keys', 'feed-epoch'], 'feed');
/** Bytes of events of one call: a thousand large messages would block Redis. */
const BYTES_AT_ONCE = 1024 * 1024;
/** Type of the first entry in the stream of a new epoch. It marks a position and is not shown as an event. */
const STARTED = 'feed.started';

/** The stream of a tenant's events. */
export class RedisFeed {
  constructor(private readonly reader: ScriptReader) {}

  /** @throws FeedTrimmedError @throws FeedResetError */
  async read(tenant: string, after: string | undefined, limit: number): Promise<readonly FeedEvent[]> {
    const events: FeedEvent[] = [];
    for (let from = after; ;) {
      const { found, hasMore } = await this.#readSome(tenant, from, limit - events.length);
      events.push(...found);
      from = found.at(-1)?.id ?? from;
      if (!hasMore || events.length >= limit) break;
    }
    return events[0]?.type === STARTED ? events.slice(1) : events;
  }

  async #readSome(
    tenant: string,
    after: string | undefined,
    limit: number,
  ): Promise<{ found: readonly FeedEvent[]; hasMore: boolean }> {
    const place = after === undefined ? undefined : placeOf(after);
    if (after !== undefined && place === undefined) throw new FeedResetError();
    const from = place === undefined ? ['oldest', '', ''] : [place.epoch, `${place.ms}-${place.count}`, place.run];
    const [word, epoch, found, more] = await this.#ask(tenant, [...from, String(limit), String(BYTES_AT_ONCE)]);
    if (word === 'none') return { found: [], hasMore: false };
    if (word === 'reset') throw new FeedResetError();
    if (word === 'trimmed') throw new FeedTrimmedError(eventOf(found, textOf(epoch)).id);
    return { found: listOf(found).map((entry) => eventOf(entry, textOf(epoch))), hasMore: more === 'more' };
  }

  /** The end of the feed; begins one. */
  async lastId(tenant: string): Promise<string> {
    const [, epoch, last] = await this.#ask(tenant, ['end', '', '', '0', '0']);
    return eventOf(last, textOf(epoch)).id;
  }

  /** The end of the feed; undefined if there is none, which begins none. */
  async findLastId(tenant: string): Promise<string | undefined> {
    const [word, epoch, last] = await this.#ask(tenant, ['end-if-any', '', '', '0', '0']);
    return word === 'none' ? undefined : eventOf(last, textOf(epoch)).id;
  }

  async #ask(tenant: string, args: readonly string[]): Promise<readonly unknown[]> {
    // Used if the feed has no epoch yet.
    const name = randomBytes(4).toString('hex');
    return listOf(await this.reader.run(feedScript, 'feed', tenant, [name, ...args], [''], feedKey));
  }
}

function eventOf(entry: unknown, epoch: string): FeedEvent {
  const [id, values] = listOf(entry);
  const texts = listOf(values).map(textOf);
  const [ms, count] = textOf(id).split('-');
  const fields: Record<string, string> = {};
  let [type, run] = ['', ''];
  for (let i = 0; i < texts.length; i += 2) {
    const [name, value] = [texts[i] as string, texts[i + 1] as string];
    if (name === 'type') type = value;
    else if (name === 'run') run = value;
    else fields[name] = value;
  }
  return { id: eventIdOf({ ms: numberOf(ms), count: numberOf(count), epoch, run }), type, fields };
}
