import type { FastifyRequest } from 'fastify';
import { ObjectReader } from '../http/object-reader.js';
import { sized } from '../http/sized.js';
import { readNewTask, type TaskLimits } from '../tasks/new-task.js';
import { readText, type TextReading } from './complexity.js';
import type { RoutedTask } from './task-router.js';

/** What is routed is a request in words; what it is about travels in the payload. */
export const LARGEST_TEXT_BYTES = 64 * 1024;

export interface RoutingRequest {
  readonly reading: TextReading;
  /** Undefined when the task is not to be enqueued. */
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
  // A task that is there already may be with another agent than the one that would be chosen now.
  for (const name of ['id', 'dedupeKey']) {
    if (body.has(name))
      body.refuse('is not taken here; an Idempotency-Key gives the same decision and task again', name);
  }
  return readNewTask(body, limits, '', JSON.stringify({ text }));
}
