import { Readable } from 'node:stream';
import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../http/caller.js';
import { answer, FromCaller, FromHeaders, FromPath, FromQuery, Route } from '../http/route.js';
import type { Progress, ProgressEvent } from '../engine/task-queues.js';
import { Draining } from '../lifecycle/draining.js';
import type { ServiceError } from '../service-error.js';
import { Listeners } from '../waiting/listeners.js';
import { LiveCallers, refusedFrame } from '../waiting/live-callers.js';
import { RequestLifetime } from '../waiting/request-lifetime.js';
import { TaskEvents, TaskEventsHeaders, TaskEventsQuery, TaskPath } from './task.dto.js';
import { Tasks } from './tasks.js';

/** Heartbeat interval of an idle stream. */
const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 1000;

/** Progress of a task, as a stream or as JSON for polling. */
@ApiTags('tasks')
@Controller('v1/tasks/:id/events')
export class TaskEventsController {
  constructor(
    private readonly tasks: Tasks,
    private readonly lifetime: RequestLifetime,
    private readonly draining: Draining,
    private readonly callers: LiveCallers,
    private readonly listeners: Listeners,
  ) {}

  @Get()
  @Route({
    id: 'readTaskEvents',
    summary: 'Read or follow the progress events of a task, as JSON or (Accept: text/event-stream) as a stream',
    answers: {
      200: {
        says: 'Events, oldest first; a stream ends with an event named end',
        body: TaskEvents,
        types: { 'application/json': TaskEvents, 'text/event-stream': { type: 'string' } },
      },
    },
    problems: ['TASK_NOT_FOUND', 'FEED_TRIMMED', 'TOO_MANY_LISTENERS'],
  })
  async events(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromQuery(TaskEventsQuery) { after: asked, waitMs }: TaskEventsQuery,
    @FromHeaders(TaskEventsHeaders) { lastEventId }: TaskEventsHeaders,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    // A browser reconnects with the same URL; the header has the last event that it read.
    const after = lastEventId === undefined || lastEventId === '' ? (asked ?? 0) : Number(lastEventId);
    if (wantsStream(request)) return this.#stream(reply, tenant, id, after);
    const progress = await this.lifetime.during(request, waitMs, (over) =>
      this.tasks.readProgress(tenant, id, after, waitMs, over),
    );
    const { events, isOver } = progress;
    return answer(200, { events, next: events.at(-1)?.id ?? after, ended: isOver });
  }

  /** An error of the first read is the answer. A later one ends the stream; the client reconnects with its last event id. */
  async #stream(reply: FastifyReply, tenant: string, id: string, after: number): Promise<void> {
    const first = await this.tasks.readProgress(tenant, id, after, 0, this.draining.signal);
    const leave = this.listeners.enter('task');
    const stream = Readable.from(this.#frames(reply.request, tenant, id, after, first), { objectMode: false });
    stream.once('close', leave);
    reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-store');
    await reply.send(stream);
  }

  async *#frames(
    request: FastifyRequest,
    tenant: string,
    id: string,
    from: number,
    first: Progress,
  ): AsyncGenerator<string> {
    const gone = new AbortController();
    const end = () => gone.abort();
    let refusal: ServiceError | undefined;
    const unwatch = this.callers.watchRequest(request, (error) => {
      refusal = error;
      end();
    });
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
        if (refusal !== undefined) return void (yield refusedFrame(refusal));
        if (progress.events.length === 0 && !progress.isOver) yield ': heartbeat\n\n';
      }
    } finally {
      unwatch();
      this.draining.signal.removeEventListener('abort', end);
    }
  }
}

function wantsStream({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').includes('text/event-stream');
}

/** Line breaks between members of the JSON would end the frame, so each line is a `data` line. */
function frameOf({ id, event }: ProgressEvent): string {
  const lines = event.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `id: ${id}\nevent: progress\n${lines.join('')}\n`;
}
