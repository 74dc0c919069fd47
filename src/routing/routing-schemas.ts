import { object, ref, type Schema } from '../http/openapi.js';

const TEXT: Schema = { type: 'string' };
const TIME: Schema = { type: 'string', format: 'date-time' };
const COUNT: Schema = { type: 'integer', minimum: 0 };
const NUMBER: Schema = { type: 'number', minimum: 0 };
const LOAD: Schema = { type: 'number', minimum: 0, maximum: 1 };

const whole = (properties: Readonly<Record<string, Schema>>, optional: Readonly<Record<string, Schema>> = {}) =>
  object({ ...properties, ...optional }, Object.keys(properties));

const DECISION: Readonly<Record<string, Schema>> = {
  id: TEXT,
  taskId: { ...TEXT, description: 'Of the task that was enqueued; else an id that was made for the decision' },
  selectedAgent: whole({
    id: TEXT,
    name: TEXT,
    strengths: { type: 'array', items: TEXT },
    cost: NUMBER,
    latency: NUMBER,
  }),
  complexityScore: whole({
    d_var: { type: 'number', minimum: 0, maximum: 1 },
    factors: whole({ length: COUNT, punctuation: COUNT, uniqueTokens: COUNT }),
  }),
  reason: TEXT,
  timestamp: TIME,
};

const STATUS: Readonly<Record<string, Schema>> = {
  status: { ...TEXT, minLength: 1, maxLength: 64 },
  load: LOAD,
  timestamp: TIME,
};

export const ROUTING_SCHEMAS: Readonly<Record<string, Schema>> = {
  RoutingDecision: whole(DECISION),
  RoutedTask: whole({ ...DECISION, task: ref('Task') }),
  RoutingStatistics: whole({
    totalRoutes: COUNT,
    agentUsage: { type: 'object', additionalProperties: COUNT },
    recentDecisions: { type: 'array', maxItems: 20, items: ref('RoutingDecision') },
  }),
  AgentStatus: whole({ agentId: TEXT, name: TEXT, ...STATUS, eventId: TEXT }),
  Agent: whole({
    id: TEXT,
    name: TEXT,
    strengths: { type: 'array', items: TEXT },
    cost: { ...NUMBER, nullable: true },
    latency: { ...NUMBER, nullable: true },
    capability: { ...LOAD, nullable: true, description: 'The complexity it is at home with' },
    configured: { type: 'boolean', description: 'False: it has only reported, and is never chosen' },
    lastStatus: { ...whole({ ...STATUS, expiresAt: TIME }), nullable: true },
  }),
};
