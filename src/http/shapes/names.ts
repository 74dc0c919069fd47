import { NAME, NAME_RULE, QUEUE_RULE, TENANT, TENANT_RULE, WORKFLOW_ID, WORKFLOW_ID_RULE } from '../../engine/names.js';
import { Value, text, type Common } from './fields.js';
import type { Rules } from './field.js';

// Ids and names, by the rules of the engine.

export const taskId = (says = WORKFLOW_ID_RULE): Rules => text({ pattern: WORKFLOW_ID, says });

export const workflowId = (): Rules =>
  text({ pattern: WORKFLOW_ID, not: /^count$/, says: `${WORKFLOW_ID_RULE}; "count" is the name of a route` });

export const queueName = (): Rules => text({ pattern: NAME, not: /\.dlq$/, says: QUEUE_RULE });

/** `orders.dlq`, the dead list of `orders`, is read as `orders`. */
const queueOrDeadList = (): Rules => {
  const { accepts } = queueName();
  return {
    schema: {
      type: 'string',
      pattern: NAME.source.replace(/\$$/, String.raw`(\.dlq)?$`),
      not: { pattern: String.raw`\.dlq\.dlq$` },
    },
    says: NAME_RULE,
    accepts,
    parse: (given) => given.replace(/\.dlq$/, ''),
  };
};

export const WorkflowId = (given: Common<string> = {}) => Value(workflowId(), { example: 'case-7', ...given });

export const TaskId = ({ says, ...given }: Common<string> & { readonly says?: string } = {}) =>
  Value(taskId(says), given);

export const QueueName = (given: Common<string> = {}) => Value(queueName(), { example: 'writer', ...given });

export const QueueOrDeadList = (given: Common<string> = {}) =>
  Value(queueOrDeadList(), { example: 'writer', ...given });

/** Prefix of an id. */
export const IdPrefix = (given: Common<string> = {}) => Value(taskId('must be the beginning of an id'), given);

/** Beginning of the name of a queue. */
export const QueuePrefix = (given: Common<string> = {}) =>
  Value(text({ pattern: NAME, says: 'must be the beginning of a name' }), given);

/** Name of a tenant, also of a hidden one; only for operators. */
export const AnyTenant = (given: Common<string> = {}) => Value(text({ pattern: TENANT, says: TENANT_RULE }), given);

/** Name of a channel or a worker. */
export const Name = (given: Common<string> = {}) => Value(text({ pattern: NAME, says: NAME_RULE }), given);
