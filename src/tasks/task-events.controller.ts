import { Readable } from 'node:stream';
import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, taskIdOf } from '../http/caller.js';
import { InvalidHeaderError } from '../http/http-errors.js';
import { Query } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { isoTime } from '../http/times.js';
import type { Progress, ProgressEvent } from '../engine/task-queues.js';
import { Draining } from '../lifecycle/draining.js';
import { Patience } from '../waiting/patience.js';
import { Tasks } from './tasks.js';
import * as describe from './tasks.openapi.js';

const LONGEST_WAIT_MS = 60_000;
/** So often a stream with nothing to say says that it is still there. */
const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 1000;

/** What a task tells while it is worked on: as a stream, or as JSON to be asked for again and again. */
@describe.tasks()
@Controller('v1/tasks/:id/events')
export class TaskEventsController {
  constructor(
    private readonly tasks: Tasks,
    private readonly patience: Patience,
    private readonly draining: Draining,
  ) {}

  @describe.taskEvents()
  @Get()
  async events(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenant } = callerOf(request);
    const id = taskIdOf(request);
    const query = new Query(request, ['after', 'waitMs']);
    const asked = query.integer('after', { min: 0, max: Number.MAX_SAFE_INTEGER });
    // A browser that comes back uses the address it had, and says in the header how far it has come since.
    const after = lastEventIdOf(request) ?? asked ?? 0;
    const waitMs = query.integer('waitMs', { min: 0, max: LONGEST_WAIT_MS }) ?? 0;
    if (wantsStream(request)) return this.#stream(reply, tenant, id, after);
    const progress = await this.patience.during(request, (over) =>
      this.tasks.readProgress(tenant, id, after, waitMs, over),
    );
    const events = progress.events.map(eventText).join(',');
    const next = progress.events.at(-1)?.id ?? after;
    sendJson(reply, 200, `{"events":[${events}],"next":${next},"ended":${progress.isOver}}`);
  }

  /** Errors of the first read are answers; later ones end the stream, and the client comes back with what it has seen. */
  async #stream(reply: FastifyReply, tenant: string, id: string, after: number): Promise<void> {
    const first = await this.tasks.readProgress(tenant, id, after, 0, this.draining.signal);
    const stream = Readable.from(this.#frames(tenant, id, after, first), { objectMode: false });
    reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-store');
    await reply.send(stream);
  }

  async *#frames(tenant: string, id: string, from: number, first: Progress): AsyncGenerator<string> {
    const gone = new AbortController();
    const end = () => gone.abort();
    this.draining.signal.addEventListener('abort', end, { once: true });
    try {
      yield `retry: ${RECONNECT_MS}\n\n`;
      let after = from;
      let progress = first;
      while (!this.draining.hasBegun) {
        for (const event of progress.events) yield frameOf(event);
        after = progress.events.at(-1)?.id ?? after;
        if (progress.isOver && progress.events.length === 0) {
          const { status } = await this.tasks.get(tenant, id);
          yield `event: end\ndata: ${JSON.stringify({ status })}\n\n`;
          return;
        }
        progress = await this.tasks.readProgress(tenant, id, after, HEARTBEAT_MS, gone.signal);
        if (progress.events.length === 0 && !progress.isOver) yield ': still here\n\n';
      }
    } finally {
      this.draining.signal.removeEventListener('abort', end);
    }
  }
}

function wantsStream({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').includes('text/event-stream');
}

function lastEventIdOf({ headers }: FastifyRequest): number | undefined {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return undefined;
  if (!/^\d{1,15}$/.test(String(given))) throw new InvalidHeaderError('Last-Event-ID', 'must be the id of an event');
  return Number(given);
}

/** JSON text has no line breaks unless its maker put some between members; those would end the frame. */
function frameOf({ id, event }: ProgressEvent): string {
  const lines = event.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `id: ${id}\nevent: progress\n${lines.join('')}\n`;
}

function eventText({ id, atMs, event }: ProgressEvent): string {
  return `{"id":${id},"at":"${isoTime(atMs)}","event":${event}}`;
}
