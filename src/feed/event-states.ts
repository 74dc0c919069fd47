import { Injectable } from '@nestjs/common';
import { Engine, type FeedEvent, type VersionRef } from '../engine/engine.js';
import { PAGE_BYTES } from '../engine/limits.js';
import { EventView } from './event-view.js';
import type { PolledEvents } from './feeds.js';
import { Semaphore } from '../http/semaphore.js';

/** Limit of reads at once, for all clients of this replica. */
const MAX_PARALLEL_READS = 4;
/** Types of the events about a version that has become current. */
const OF_VERSIONS = ['created', 'updated', 'restored', 'adopted'].map((what) => `workflow.${what}`);

/** Reads the states of the versions that events are about. */
@Injectable()
export class EventStates {
  readonly #semaphore = new Semaphore(MAX_PARALLEL_READS);

  constructor(private readonly engine: Engine) {}

  /** The events of a JSON answer with their states: the first ones, with at most PAGE_BYTES. @throws StoreUnavailableError */
  async pageOf(tenant: string, { events, next }: PolledEvents): Promise<PolledEvents> {
    const found = await this.firstOf(tenant, events, PAGE_BYTES);
    const shown: EventView[] = [];
    let bytes = 0;
    for (const view of found) {
      bytes += Buffer.byteLength(view.json);
      if (shown.length > 0 && bytes > PAGE_BYTES) break;
      shown.push(view);
    }
    return { events: shown, next: shown.length < events.length ? (shown.at(-1) as EventView).id : next };
  }

  /**
   * The first of the events, each with its state. At least one; the others while all states have at most `maxBytes`.
   * @throws StoreUnavailableError
   */
  async firstOf(tenant: string, views: readonly EventView[], maxBytes: number): Promise<readonly EventView[]> {
    const versions = views.map(({ event }) => versionOf(event));
    const asked = versions.filter((version) => version !== undefined);
    if (asked.length === 0) return views;
    const states = await this.#semaphore.run(() => this.engine.findStates(tenant, asked, maxBytes));
    const shown: EventView[] = [];
    let read = 0;
    for (const [i, view] of views.entries()) {
      if (versions[i] === undefined) shown.push(view);
      else if (read < states.length) shown.push(new EventView(view.event, states[read++] ?? null));
      else break;
    }
    return shown;
  }
}

function versionOf({ type, fields }: FeedEvent): VersionRef | undefined {
  const { channel, queue, id, version, inc, check = '' } = fields;
  // Messages may have any type.
  if (channel !== undefined || queue !== undefined || !OF_VERSIONS.includes(type)) return undefined;
  if (id === undefined || version === undefined || inc === undefined) return undefined;
  return { id, incarnation: inc, version: Number(version), check };
}
