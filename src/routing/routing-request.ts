import type { FastifyRequest } from 'fastify';
import { jsonTextOf, scanBody } from '../http/body.js';
import { readJson } from '../http/shapes/read.js';
import { sized } from '../http/sized.js';
import { compilePointers } from '../json/pointer-set.js';
import { newTaskOf, type TaskLimits } from '../tasks/new-task.js';
import { readText, type TextReading } from './complexity.js';
import { MAX_TEXT_BYTES, RoutingRequest, RoutingTaskRequest } from './routing.dto.js';
import type { RoutedTask } from './task-router.js';

export interface RoutingInput {
  readonly reading: TextReading;
  /** Undefined when no task is to be enqueued. */
  readonly task: RoutedTask | undefined;
}

const ENQUEUE = compilePointers([['enqueue']]);

/** @throws StateTooLargeError */
export function readingOf(text: string): TextReading {
  return readText(sized(text, MAX_TEXT_BYTES));
}

/** Two forms of one body: members of a task are known only with `enqueue: true`. @throws InvalidBodyError @throws StateTooLargeError */
export async function readRoutingRequest(request: FastifyRequest, limits: TaskLimits): Promise<RoutingInput> {
  const body = jsonTextOf(request);
  const {
    found: [enqueue],
  } = await scanBody(body, { find: ENQUEUE });
  if (enqueue === undefined || body.slice(enqueue.start, enqueue.end) !== 'true') {
    const { value } = await readJson(RoutingRequest, body);
    return { reading: readingOf(value.text), task: undefined };
  }
  const { value } = await readJson(RoutingTaskRequest, body);
  const { text, enqueue: _enqueue, payload = JSON.stringify({ text }), ...options } = value;
  // The queue is that of the agent, which is chosen later.
  return { reading: readingOf(text), task: newTaskOf({ ...options, payload }, '', limits) };
}
