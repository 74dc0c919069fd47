import { ApiTags } from '@nestjs/swagger';
import { object, operation, ref, type Schema } from '../http/openapi.js';

const TEXT: Schema = { type: 'string', minLength: 1, description: 'Not blank; at most 64 KiB' };
const REPLAYED = ['Idempotency-Replayed'];
const json = (schema: Schema) => ({ types: { 'application/json': schema } });
const SUCCESS: Schema = { type: 'boolean', enum: [true] };

export const routing = () => ApiTags('routing');
export const agents = () => ApiTags('agents');

export const testRouting = () =>
  operation({
    id: 'testRouting',
    summary: 'Which agent a text would go to, in the shape of older clients',
    description: 'The decision is published on channel task:routing behind the answer, which waits for no store.',
    headers: ['Idempotency-Key'],
    body: json(object({ text: TEXT }, ['text'])),
    answers: {
      200: {
        says: 'The decision',
        schema: object({ success: SUCCESS, decision: ref('RoutingDecision') }, ['success', 'decision']),
        headers: REPLAYED,
      },
    },
    problems: [400, 409, 413, 415, 422],
  });

export const routingStatistics = () =>
  operation({
    id: 'getRoutingStatistics',
    summary: 'What all replicas have decided',
    answers: {
      200: {
        says: 'Counts by agent, and the newest decisions first',
        schema: object({ success: SUCCESS, stats: ref('RoutingStatistics') }, ['success', 'stats']),
      },
    },
    problems: [422],
  });

export const routeTask = () =>
  operation({
    id: 'routeTask',
    summary: 'Choose an agent for a text, and put the task on its queue',
    description:
      'With enqueue the task, the decision, its publication and the statistics are one commit, done before the answer. With an Idempotency-Key ' +
      'a repeat gets the same decision and task again.',
    headers: ['Idempotency-Key'],
    body: json({
      description:
        'Beside text and enqueue what a new task may have, but id and dedupeKey; the payload is {text} unless it is given',
      type: 'object',
      properties: {
        text: TEXT,
        enqueue: { type: 'boolean', default: false },
        payload: { description: 'Any JSON; only with enqueue, like all that follows' },
        priority: { type: 'integer', minimum: 0, maximum: 9, default: 5 },
        delayMs: { type: 'integer', minimum: 0 },
        runAt: { type: 'string', format: 'date-time' },
        maxAttempts: { type: 'integer', minimum: 1, maximum: 1000, default: 4 },
        backoffMs: { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 20 },
        leaseMs: { type: 'integer', minimum: 1000, maximum: 3_600_000, default: 30_000 },
        deadlineMs: { type: 'integer', minimum: 1000 },
        expiresAt: { type: 'string', format: 'date-time' },
        workflowId: { type: 'string' },
        headers: { type: 'object', additionalProperties: { type: 'string' } },
      },
      required: ['text'],
      additionalProperties: false,
    }),
    answers: {
      200: { says: 'The decision', schema: ref('RoutingDecision'), headers: REPLAYED },
      201: { says: 'The decision and the task', schema: ref('RoutedTask'), headers: [...REPLAYED, 'Location'] },
    },
    problems: [400, 409, 413, 415, 422, 429],
  });

export const reportAgentStatus = () =>
  operation({
    id: 'reportAgentStatus',
    summary: 'What an agent says of itself; published on channel agent:status',
    path: { id: { type: 'string', minLength: 1, maxLength: 128, description: 'Of any agent, configured or not' } },
    headers: ['Idempotency-Key'],
    body: json(
      object(
        {
          name: { type: 'string', minLength: 1, maxLength: 100 },
          status: { type: 'string', minLength: 1, maxLength: 64, description: 'available, busy, offline, …' },
          load: { type: 'number', minimum: 0, maximum: 1, default: 0 },
        },
        ['status'],
      ),
    ),
    answers: { 200: { says: 'As it was published', schema: ref('AgentStatus'), headers: REPLAYED } },
    problems: [400, 409, 413, 415, 422],
  });

export const listAgents = () =>
  operation({
    id: 'listAgents',
    summary: 'Agents that are configured, then others that have reported, with their last status',
    answers: {
      200: {
        says: 'Agents',
        schema: object({ items: { type: 'array', items: ref('Agent') } }, ['items']),
      },
    },
    problems: [422],
  });
