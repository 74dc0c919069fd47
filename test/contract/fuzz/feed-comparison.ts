import { isDeepStrictEqual } from 'node:util';
import type { FeedEvent } from '../../../src/engine/engine.js';
import type { FuzzedEngine } from '../fuzz.js';
import type { Reply } from './perform.js';

const PAGE = 500;

/**
 * Compares the events of two engines since the last time. The order of events about different workflows, tasks and channels is up
 * to the engine; the order within each of them is not.
 */
export class FeedComparison {
  readonly #places = new Map<string, string>();

  constructor(
    private readonly reference: FuzzedEngine,
    private readonly other: FuzzedEngine,
  ) {}

  /** Both sides when they differ. */
  async compare(tenant: string): Promise<Record<string, Reply> | undefined> {
    const [expected, actual] = [await this.#news(this.reference, tenant), await this.#news(this.other, tenant)];
    if (isDeepStrictEqual(expected, actual)) return undefined;
    return { [this.reference.name]: { value: expected }, [this.other.name]: { value: actual } };
  }

  async #news(fuzzed: FuzzedEngine, tenant: string): Promise<Record<string, unknown[]>> {
    const name = `${fuzzed.name} ${tenant}`;
    const bySubject: Record<string, unknown[]> = {};
    for (;;) {
      const events = await fuzzed.engine.readFeed(tenant, this.#places.get(name), PAGE);
      for (const event of events) {
        const subject = subjectOf(event);
        if (this.other.sweepsByItself && subject.startsWith('task ')) continue;
        (bySubject[subject] ??= []).push([event.type, event.fields]);
      }
      const last = events.at(-1);
      if (last === undefined) return bySubject;
      this.#places.set(name, last.id);
    }
  }
}

function subjectOf({ type, fields }: FeedEvent): string {
  return fields['channel'] ?? `${type.split('.')[0]} ${fields['id']}`;
}
