import { randomBytes } from 'node:crypto';
import type { FeedEvent } from '../../engine.js';
import { FeedResetError, FeedTrimmedError } from '../../errors.js';
import { eventIdOf, placeOf } from '../../event-id.js';
import { feedKey } from '../keys.js';
import type { ScriptReader } from '../scripts/script-reader.js';
import { RedisScript } from '../scripts/redis-script.js';
import { listOf, numberOf, textOf } from '../scripts/reply.js';

const feedScript = new RedisScript(['base', 'own-keys', 'feed-epoch'], 'feed');
/** Type of the first entry in the stream of a new epoch. It marks a position and is not shown as an event. */
const STARTED = 'feed.started';

/** The stream of a tenant's events. */
export class RedisFeed {
  constructor(private readonly reader: ScriptReader) {}

  /** @throws FeedTrimmedError @throws FeedResetError */
  async read(tenant: string, after: string | undefined, limit: number): Promise<readonly FeedEvent[]> {
    const place = after === undefined ? undefined : placeOf(after);
    if (after !== undefined && place === undefined) throw new FeedResetError();
    const from = place === undefined ? ['oldest', '', ''] : [place.epoch, `${place.ms}-${place.count}`, place.run];
    const [word, epoch, found] = await this.#ask(tenant, [...from, String(limit)]);
    if (word === 'none') return [];
    if (word === 'reset') throw new FeedResetError();
    if (word === 'trimmed') throw new FeedTrimmedError(eventOf(found, textOf(epoch)).id);
    const events = listOf(found).map((entry) => eventOf(entry, textOf(epoch)));
    return events[0]?.type === STARTED ? events.slice(1) : events;
  }

  /** The end of the feed; begins one. */
  async lastId(tenant: string): Promise<string> {
    const [, epoch, last] = await this.#ask(tenant, ['end', '', '', '0']);
    return eventOf(last, textOf(epoch)).id;
  }

  /** The end of the feed; undefined if there is none, which begins none. */
  async findLastId(tenant: string): Promise<string | undefined> {
    const [word, epoch, last] = await this.#ask(tenant, ['end-if-any', '', '', '0']);
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
