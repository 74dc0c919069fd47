import type { FeedEvent } from '../engine/engine.js';
import { eventTimeMs } from '../engine/event-id.js';
import { etagOf } from '../engine/records/workflow-meta.js';
import type { Shape } from '../http/shapes/field.js';
import { writeJson } from '../http/shapes/write.js';
import { isOfTask } from './feed-filter.js';
import { MessageEvent, SocketEvent, TaskTransition, WorkflowEvent } from './feed.dto.js';
import { textFrame } from './web-socket-frame.js';

/**
 * An event as clients see it. Each form is serialised once, on demand, and shared by all clients. Payloads keep their exact text.
 */
export class EventView {
  #json: string | undefined;
  #sse: Buffer | undefined;
  #frame: Buffer | undefined;

  /** `state`: that of the version that the event is about; null if it is not kept any more. Undefined if it is not shown. */
  constructor(
    readonly event: FeedEvent,
    private readonly state?: string | null,
  ) {}

  get id(): string {
    return this.event.id;
  }

  get json(): string {
    const { id, type, fields } = this.event;
    const shape =
      fields['channel'] !== undefined ? MessageEvent : isOfTask(this.event) ? TaskTransition : WorkflowEvent;
    const state = this.state === null ? { stateMissing: true } : { state: this.state };
    return (this.#json ??= textOf(shape, { id, type, atMs: eventTimeMs(id), ...subjectOf(this.event), ...state }));
  }

  /**
   * The event as Server-Sent Event. A payload may have line breaks between its tokens, so each of its lines becomes a
   * `data` line.
   */
  get sse(): Buffer {
    const data = () => this.json.split(/\r\n|\r|\n/).join('\ndata: ');
    return (this.#sse ??= Buffer.from(`id: ${this.id}\ndata: ${data()}\n\n`));
  }

  /** A complete WebSocket text frame. */
  get frame(): Buffer {
    return (this.#frame ??= textFrame(this.message));
  }

  /** Type and payload as published, followed by the position in the feed. */
  get message(): string {
    const { id, type, fields } = this.event;
    const { channel, payload = JSON.stringify(subjectOf(this.event)) } = fields;
    return textOf(SocketEvent, { type, payload, id, atMs: eventTimeMs(id), channel });
  }
}

/** Size of an event in memory, without a state; about. */
export function sizeOf({ event }: EventView): number {
  return 200 + (event.fields['payload']?.length ?? 0);
}

const textOf = (shape: Shape, value: object): string => writeJson(shape, value).join('');

/** The members of an event that say what it is about. */
function subjectOf(event: FeedEvent): object {
  const { channel, payload, id, version, inc, check = '', queue, workflow } = event.fields;
  if (channel !== undefined) return { channel, payload };
  if (isOfTask(event)) return { taskId: id, queue, workflowId: workflow };
  // An expired workflow has neither version nor tag.
  if (version === undefined || inc === undefined) return { workflowId: id };
  const number = Number(version);
  return { workflowId: id, version: number, etag: etagOf({ incarnation: inc, version: number, check }) };
}

/** Several events for the same clients, joined once for each kind of connection. */
export class Batch {
  #sse: Buffer | undefined;
  #frames: Buffer | undefined;

  constructor(readonly views: readonly EventView[]) {}

  get sse(): Buffer {
    return (this.#sse ??= joined(this.views.map(({ sse }) => sse)));
  }

  get frames(): Buffer {
    return (this.#frames ??= joined(this.views.map(({ frame }) => frame)));
  }

  /** Id of the last event. */
  get lastId(): string {
    return this.views.at(-1)?.id ?? '';
  }
}

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}
