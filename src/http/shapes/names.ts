import {
  isIdPrefix,
  isWorkflowId,
  NAME,
  NAME_RULE,
  QUEUE_RULE,
  RESERVED_ID,
  TASK_ID,
  TASK_ID_RULE,
  TENANT,
  TENANT_RULE,
  WORKFLOW_ID,
  WORKFLOW_ID_RULE,
} from '../../engine/names.js';
import { Value, text, type Common } from './fields.js';
import type { Rules } from './field.js';

// Ids and names, by the rules of the engine.

export const taskId = (says = TASK_ID_RULE): Rules => text({ pattern: TASK_ID, says });

export const workflowId = (says = `${WORKFLOW_ID_RULE}, and not "count", "." or ".."`): Rules => ({
  ...text({ pattern: WORKFLOW_ID, not: RESERVED_ID, says }),
  accepts: (value) => typeof value === 'string' && isWorkflowId(value),
});

const idPrefix: Rules = {
  ...text({ pattern: WORKFLOW_ID, says: 'must be the beginning of an id' }),
  accepts: (value) => typeof value === 'string' && isIdPrefix(value),
};

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

export const WorkflowId = ({ says, ...given }: Common<string> & { readonly says?: string } = {}) =>
  Value(workflowId(says), { example: 'case-7', ...given });

export const TaskId = ({ says, ...given }: Common<string> & { readonly says?: string } = {}) =>
  Value(taskId(says), given);

export const QueueName = (given: Common<string> = {}) => Value(queueName(), { example: 'writer', ...given });

export const QueueOrDeadList = (given: Common<string> = {}) =>
  Value(queueOrDeadList(), { example: 'writer', ...given });

/** Beginning of the id of a workflow. */
export const IdPrefix = (given: Common<string> = {}) => Value(idPrefix, given);

/** Beginning of the name of a queue. */
export const QueuePrefix = (given: Common<string> = {}) =>
  Value(text({ pattern: NAME, says: 'must be the beginning of a name' }), given);

/** Name of a tenant, also of a hidden one; only for operators. */
export const AnyTenant = (given: Common<string> = {}) => Value(text({ pattern: TENANT, says: TENANT_RULE }), given);

/** Name of a channel or a worker. */
export const Name = (given: Common<string> = {}) => Value(text({ pattern: NAME, says: NAME_RULE }), given);
