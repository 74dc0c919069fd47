import type { Rules } from '../http/shapes/field.js';
import {
  Count,
  Decimal,
  Flag,
  ListOf,
  Nested,
  RawJson,
  RawListOf,
  text,
  Text,
  Value,
  Values,
} from '../http/shapes/fields.js';
import { Name } from '../http/shapes/names.js';
import { TaskOptions } from '../tasks/new-task.dto.js';
import { Task } from '../tasks/task.dto.js';

/** The text is a request in words; data for the worker belongs in the payload. */
export const MAX_TEXT_BYTES = 64 * 1024;
const MAX_NAME_CHARACTERS = 100;
const MAX_STATUS_CHARACTERS = 64;

const BLANK = 'must be a text that is not blank';

export class TextToRoute {
  @Text({ pattern: /\S/, says: BLANK, about: 'At most 64 KiB', example: 'Translate this into French' }) text!: string;
}

const exactly = (value: boolean): Rules => ({
  schema: { type: 'boolean', enum: [value] },
  says: 'must be true or false',
  accepts: (given) => given === value,
});

/** Request of a decision without a task. Members of a task are refused as unknown instead of ignored. */
export class RoutingRequest extends TextToRoute {
  @Value(exactly(false), { default: false }) enqueue!: false;
}

/** Request of a decision and a task. `id` and `dedupeKey` are refused: an existing task may be in the queue of another agent. */
export class RoutingTaskRequest extends TaskOptions {
  @Text({ pattern: /\S/, says: BLANK, about: 'At most 64 KiB', example: 'Translate this into French' }) text!: string;
  @Value(exactly(true), { example: true }) enqueue!: true;
  @RawJson({ optional: true, about: 'Any JSON; `{text}` when absent' }) override payload?: string;
}

const load = (): Rules => ({
  schema: { type: 'number', minimum: 0, maximum: 1 },
  says: 'must be a number from 0 to 1',
  accepts: (value) => typeof value === 'number' && value >= 0 && value <= 1,
});

class AgentFigures {
  @Text() id!: string;
  @Text() name!: string;
  @Values(text(), { max: 100 }) strengths!: readonly string[];
}

export class SelectedAgent extends AgentFigures {
  @Decimal() cost!: number;
  @Decimal() latency!: number;
}

export class ComplexityFactors {
  /** Characters; a run of white space counts as one. */
  @Count() length!: number;
  /** Punctuation marks of any script. */
  @Count() punctuation!: number;
  /** Different words, numbers, ideographs and emoji, ignoring case. */
  @Count() uniqueTokens!: number;
}

export class ComplexityScore {
  /** From 0 (simple) to below 1 (complex). */
  @Value(load()) d_var!: number;
  @Nested(() => ComplexityFactors) factors!: ComplexityFactors;
}

export class RoutingDecision {
  @Text() id!: string;
  @Text({ about: 'Id of the enqueued task; without a task, an id made for the decision' }) taskId!: string;
  @Nested(() => SelectedAgent) selectedAgent!: SelectedAgent;
  @Nested(() => ComplexityScore) complexityScore!: ComplexityScore;
  @Text() reason!: string;
  @Value(isoText()) timestamp!: string;
}

export class RoutedTask extends RoutingDecision {
  @Nested(() => Task) task!: Task;
}

/** Answers of the routes of older clients. */
export class TestDecision {
  @Value(exactly(true)) success!: true;
  @Nested(() => RoutingDecision) decision!: RoutingDecision;
}

const usage: Rules = {
  schema: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
  says: 'must be counts by agent',
  accepts: () => true,
};

export class RoutingStatistics {
  @Count() totalRoutes!: number;
  @Value(usage) agentUsage!: Readonly<Record<string, number>>;
  @RawListOf(() => [RoutingDecision], { about: 'The newest first' }) recentDecisions!: string;
}

export class TestStatistics {
  @Value(exactly(true)) success!: true;
  @Nested(() => RoutingStatistics) stats!: RoutingStatistics;
}

export class AgentPath {
  @Name({ about: 'Id of an agent, configured or not', example: 'claude' }) id!: string;
}

const aText = (max: number) => ({ min: 1, max, says: `must be 1 to ${max} characters` });

export class AgentReport {
  @Text({ ...aText(MAX_NAME_CHARACTERS), optional: true, about: 'The configured name when absent' }) name?: string;
  @Text({ ...aText(MAX_STATUS_CHARACTERS), about: '`available`, `busy`, `offline`, …', example: 'busy' })
  status!: string;
  @Value(load(), { default: 0, example: 0.4 }) load!: number;
}

class Status {
  @Text() status!: string;
  @Value(load()) load!: number;
  @Value(isoText()) timestamp!: string;
}

export class AgentStatus extends Status {
  @Text() agentId!: string;
  @Text() name!: string;
  @Text() eventId!: string;
}

export class LastStatus extends Status {
  @Value(isoText()) expiresAt!: string;
}

export class Agent extends AgentFigures {
  @Decimal({ nullable: true }) cost!: number | null;
  @Decimal({ nullable: true }) latency!: number | null;
  @Value(load(), { nullable: true, about: 'The complexity that suits the agent best' }) capability!: number | null;
  @Flag({ about: 'False: the agent has reported but is not configured, so it is never chosen' }) configured!: boolean;
  @Nested(() => LastStatus, { nullable: true }) lastStatus!: LastStatus | null;
}

export class AgentList {
  @ListOf(() => Agent) items!: readonly Agent[];
}

/** A time that is stored as text. */
function isoText(): Rules {
  return { schema: { type: 'string', format: 'date-time' }, says: 'must be a time', accepts: () => true };
}
