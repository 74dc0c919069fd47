import type { FastifyRequest } from 'fastify';
import { ObjectReader } from '../http/object-reader.js';
import { sized } from '../http/sized.js';
import { readNewTask, type TaskLimits } from '../tasks/new-task.js';
import { readText, type TextReading } from './complexity.js';
import type { RoutedTask } from './task-router.js';

/** The text to route; larger data belongs in a payload. */
export const LARGEST_TEXT_BYTES = 64 * 1024;

export interface RoutingRequest {
  readonly reading: TextReading;
  /** Undefined unless the task is to be enqueued. */
  readonly task: RoutedTask | undefined;
}

/** The body `{text}`. @throws InvalidBodyError @throws StateTooLargeError */
export function readTextBody(request: FastifyRequest): TextReading {
  return ObjectReader.read(request, (body) => readText(textOf(body)));
}

/** The body `{text, enqueue?}`, and beside them what a task may have. @throws InvalidBodyError @throws StateTooLargeError */
export function readRoutingRequest(request: FastifyRequest, limits: TaskLimits): RoutingRequest {
  return ObjectReader.read(request, (body) => {
    const text = textOf(body);
    const task = body.boolean('enqueue') === true ? readTask(body, text, limits) : undefined;
    return { reading: readText(text), task };
  });
}

function textOf(body: ObjectReader): string {
  const text = body.stringRequired('text', 'must be a text that is not blank', (value) => value.trim() !== '');
  return sized(text, LARGEST_TEXT_BYTES);
}

function readTask(body: ObjectReader, text: string, limits: TaskLimits): RoutedTask {
  // An existing task may be in the queue of another agent than the one chosen now.
  for (const name of ['id', 'dedupeKey']) {
    if (body.has(name))
      body.refuse('is not accepted here; use an Idempotency-Key to get the same decision and task again', name);
  }
  return readNewTask(body, limits, '', JSON.stringify({ text }));
}
