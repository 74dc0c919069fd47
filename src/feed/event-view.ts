import type { FeedEvent } from '../engine/engine.js';
import { eventTimeMs } from '../engine/event-id.js';
import { isoTime } from '../http/times.js';
import { textFrame } from './web-socket-frame.js';

/**
 * An event as clients see it. Each form is serialised once, on demand, and shared by all clients. Payloads keep their exact text.
 */
export class EventView {
  #json: string | undefined;
  #sse: Buffer | undefined;
  #frame: Buffer | undefined;

  constructor(readonly event: FeedEvent) {}

  get id(): string {
    return this.event.id;
  }

  get json(): string {
    const { id, type, fields } = this.event;
    return (this.#json ??= `${head({ id, type, at: timeOf(id) })},${bodyOf(fields)}}`);
  }

  /** Server-Sent Event. Line breaks in a payload are white space of its JSON; each line becomes a `data` line. */
  get sse(): Buffer {
    const data = () => this.json.split(/\r\n|\r|\n/).join('\ndata: ');
    return (this.#sse ??= Buffer.from(`id: ${this.id}\ndata: ${data()}\n\n`));
  }

  /** A complete WebSocket text frame. */
  get frame(): Buffer {
    return (this.#frame ??= textFrame(this.message));
  }

  get message(): string {
    const { id, type, fields } = this.event;
    const { channel, payload } = fields;
    const at = timeOf(id);
    if (channel === undefined) return `{"type":${text(type)},"payload":{${bodyOf(fields)}},${inner({ id, at })}}`;
    return `{"type":${text(type)},"payload":${payload},${inner({ id, at, channel })}}`;
  }
}

const text = (value: string): string => JSON.stringify(value);
const head = (members: object): string => JSON.stringify(members).slice(0, -1);
const inner = (members: object): string => JSON.stringify(members).slice(1, -1);
const timeOf = (id: string): string => isoTime(eventTimeMs(id));

/** Members that depend on the kind of event: message, task or workflow. */
function bodyOf(fields: Readonly<Record<string, string>>): string {
  const { channel, payload, id, version, inc, queue, workflow } = fields;
  if (channel !== undefined) return `"channel":${text(channel)},"payload":${payload}`;
  if (queue !== undefined) {
    return inner({ taskId: id, queue, ...(workflow !== undefined && { workflowId: workflow }) });
  }
  // An expired workflow has neither version nor ETag.
  const isKnown = version !== undefined && inc !== undefined;
  return inner({ workflowId: id, ...(isKnown && { version: Number(version), etag: `"${inc}-${version}"` }) });
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
